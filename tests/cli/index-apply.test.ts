// `merlon index apply` and `compact`: the summary, notes, and messages.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hasChanges } from "#formats/delta/record-kinds.js";
import { merlon } from "./merlon-command.js";

test("deletions, the state of the delta, and a compaction", { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-index-"));
  cpSync(join(import.meta.dirname, "../samples/artefacts/index/items.faiss"), join(folder, "items.faiss"));
  writeFileSync(join(folder, "sold.txt"), "10\n21\n987654\n");
  const none = await merlon(folder, "index", "apply", "items.faiss");
  expect(none.err).toMatch(/there is nothing to apply: give files with --upsert, with --delete, or with both\./);
  const applied = await merlon(folder, "index", "apply", "items.faiss", "--delete", "sold.txt");
  expect(applied.err).toBe("");
  expect(applied.out).toMatch(
    /^✔ Applied to items\.faiss\.delta \(0 upserts, 3 deletions\).*\n1 of the 3 ids to delete are not in the index, such as 987654\.\n$/,
  );
  const info = JSON.parse((await merlon(folder, "index", "info", "items.faiss")).out) as {
    ntotal: number;
    delta: object;
  };
  expect(info.delta).toMatchObject({ base: "", upserts: 0, deletions: 3 });
  const had = hasChanges(join(folder, "items.faiss.delta"));
  const compacted = await merlon(folder, "index", "compact", "items.faiss");
  expect(compacted.err).toBe("");
  expect(had).toBe(true);
  expect(hasChanges(join(folder, "items.faiss.delta"))).toBe(false);
  expect(compacted.out).toMatch(/^✔ Compacted 3 changed ids into items\.faiss/);
  const after = JSON.parse((await merlon(folder, "index", "info", "items.faiss")).out) as { ntotal: number };
  expect(after.ntotal).toBe(info.ntotal - 2);
  rmSync(folder, { recursive: true });
});
