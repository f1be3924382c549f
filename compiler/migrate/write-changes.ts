/** Writes a migration: files that are renamed never replace another, files that stay are replaced whole. */
import { renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { siblingOf } from "../../contract/files/sibling.js";
import type { Change } from "./migrate.js";

/** New files first: after a failure every program still has one of its forms. */
export function writeChanges(changes: readonly Change[]): void {
  for (const { from, to, text } of changes) {
    const { mode } = statSync(from);
    if (to !== from) {
      writeFileSync(to, text, { flag: "wx", mode });
      continue;
    }
    const sibling = siblingOf(from);
    writeFileSync(sibling, text, { flag: "wx", mode });
    renameSync(sibling, from);
  }
  for (const { from, to } of changes) if (to !== from) rmSync(from);
}
