/**
 * The programs' code: the bundle, which starts in half the time, or its modules.
 */
import { bundledFile } from "../contract/bundled-file.js";
import { runBundle } from "./code-cache.js";

/**
 * A server's functions run often, so V8 optimizes them after 800 calls in place of 3,000. `npm run bench:cold` compares the
 * first 2,000 requests after a start with two workers with later ones. With the flag, the p50 is 1.33 × (1.97 × without), the p99 2.30 ×
 * (3.36 ×), and CPU time 2.04 × (2.71 ×). Later requests take as long as without it.
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
