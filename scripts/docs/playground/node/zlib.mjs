import { inflateSync as inflateRaw } from "fflate";
export const inflateRawSync = bytes => inflateRaw(bytes);
export default { inflateRawSync };
