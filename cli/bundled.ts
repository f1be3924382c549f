/**
 * The programs' code: the bundle, which starts in half the time, or its modules.
 */
import { bundledFile } from "../contract/bundled-file.js";
import { runBundle } from "./code-cache.js";

/** @param original the module that the entry was made from, relative to this folder @returns what it exports */
export async function load(
  entry: "serve" | "tritonserver" | "program" | "server-worker",
  original: string,
): Promise<unknown> {
  const file = bundledFile(`${entry}.cjs`);
  return file ? runBundle(file) : import(new URL(original, import.meta.url).href);
}
