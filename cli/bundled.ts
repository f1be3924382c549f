/**
 * Where the server's code is: the bundle that `npm run bundle` made, which starts in half the time, unless there is none or dist/ is newer.
 */
import { statSync } from "node:fs";

const PARTS = ["triton-protos", "runtime", "cli"];

const time = (path: string): number =>
  statSync(new URL(`../${path}`, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** @param original the module that the entry was made from, relative to this folder @returns what to import */
export function bundled(entry: "serve" | "tritonserver", original: string): string {
  const made = time(`bundle/${entry}.js`);
  const isFresh = made > 0 && PARTS.every(part => time(`${part}/.tsbuildinfo`) <= made);
  return isFresh ? `../bundle/${entry}.js` : original;
}
