/**
 * The folder of a version whose files may be replaced while the model is served: the model itself reads them again. No manifest lists their
 * checksums, and a change of them does not load the model again.
 */
export const LIVE_FOLDER = "merlon-live";
