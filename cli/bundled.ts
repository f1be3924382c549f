/**
 * Where the server's code is: the bundle, which starts in half the time, or the modules it is made of.
 */
import { bundledFile } from "../triton-protos/bundled-file.js";

/** @param original the module that the entry was made from, relative to this folder @returns what to import */
export const bundled = (entry: "serve" | "tritonserver", original: string): string =>
  bundledFile(entry, ["triton-protos", "runtime", "cli"])?.href ?? original;
