/** Replaces a file whole, by way of a sibling: no reader ever sees half of it, and a failure leaves the old one. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { writeNamed } from "./file-fault.js";
import { siblingOf } from "./sibling.js";

/** @throws Error naming the file */
export function replaceFile(file: string, text: string | Uint8Array, options: { readonly mode?: number } = {}): void {
  const sibling = siblingOf(file);
  writeNamed(file, () => {
    try {
      writeFileSync(sibling, text, { ...options, flush: true, flag: "wx" });
      renameSync(sibling, file);
    } catch (error) {
      rmSync(sibling, { force: true });
      throw error;
    }
  });
}
