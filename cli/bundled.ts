/**
 * The programs' code: the bundle, which starts in half the time, or its modules.
 */
import { bundledFile } from "../contract/bundled-file.js";
import { runBundle } from "./code-cache.js";

/**
 * A server's functions run often, so V8 optimizes them after 800 calls in place of 3,000: after a start with two workers, the p50 of the
 * first 2,000 requests is 1.33 × that of later ones in place of 1.97 ×, p99 2.30 × in place of 3.36 ×, and CPU time 2.04 × in place of
 * 2.71 × (`npm run bench:cold`). Later requests take what they took.
 */
const SERVER_FLAGS = "--invocation-count-for-turbofan=800";

/** @param original the module that the entry was made from, relative to this folder @returns what it exports */
export async function load(
  entry: "serve" | "tritonserver" | "program" | "server-worker",
  original: string,
): Promise<unknown> {
  const file = bundledFile(`${entry}.cjs`);
  const flags = entry === "program" ? undefined : SERVER_FLAGS;
  if (flags) process.getBuiltinModule("node:v8").setFlagsFromString(flags);
  return file ? runBundle(file, flags) : import(new URL(original, import.meta.url).href);
}
