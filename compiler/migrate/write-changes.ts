/** Writes a migration: files that are renamed never replace another, files that stay are replaced whole. */
import { rmSync, statSync, writeFileSync } from "node:fs";
import { writeNamed } from "../../contract/files/file-fault.js";
import { replaceFile } from "../../contract/files/replace-file.js";
import type { Change } from "./migrate.js";

/** New files first: after a failure every program still has one of its forms. */
export function writeChanges(changes: readonly Change[]): void {
  for (const { from, to, text } of changes) {
    const { mode } = statSync(from);
    if (to !== from) {
      writeNamed(to, () => writeFileSync(to, text, { flag: "wx", mode }));
      continue;
    }
    replaceFile(from, text, { mode });
  }
  for (const { from, to } of changes) if (to !== from) rmSync(from);
}
