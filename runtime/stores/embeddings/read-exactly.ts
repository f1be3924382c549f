/** Reads of a known length: a file that ends before is a fault, not zeros. */
import { readSync } from "node:fs";
import { internal } from "../../base/errors.js";

/** One call of the system reads less than this at most. */
const AT_ONCE = 2 ** 30;

/** @param file an open file @param path names it in messages @throws RuntimeFault when it ends before `to` is full */
export function readExactly(file: number, to: Uint8Array, position: number, path: string): void {
  for (let at = 0; at < to.byteLength; ) {
    const got = readSync(file, to, at, Math.min(to.byteLength - at, AT_ONCE), position + at);
    if (got === 0)
      throw internal(
        `${path} ends at byte ${position + at}, expected ${position + to.byteLength}: it was truncated after it was opened. Put the whole file back, and load the model again.`,
      );
    at += got;
  }
}
