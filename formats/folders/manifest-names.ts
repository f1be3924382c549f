/**
 * The path of a manifest, and its mark in a configuration. This is separate from its reader, which a server loads only for a model that has
 * one.
 */
export const MANIFEST_FILE = "manifest.json";

/** The parameter of a `config.pbtxt` that says that the model's folder has a manifest, so that its removal is found. */
export const MANIFEST_PARAMETER = "merlon_manifest";
