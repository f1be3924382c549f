// The file of a delta: a large change in records that are full, and a replacement that is not whole.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rowsAtOnce } from "#formats/delta/delta-rows.js";
import { openDeltaWriter } from "#runtime/stores/vectors/delta/write-delta.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-write-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("as many deletions as a record has are one record, and one more is a second", async () => {
  const file = join(folder, "items.faiss.delta");
  const base = { file: "", bytes: 1, sha256: "a".repeat(64) };
  const header = () => ({ ids: "int64" as const, dimension: 1, metric: "l2" as const, unit: false, base });
  const writer = await openDeltaWriter(file, { waitMs: 1000, header });
  const added = (count: number): number => {
    const before = statSync(file).size;
    writer.append({ deletes: new BigInt64Array(count) });
    return statSync(file).size - before;
  };
  const most = rowsAtOnce(1);
  const [one, full, more] = [added(1), added(most), added(most + 1)];
  writer.close();
  expect([full - one, more - full]).toEqual([8 * (most - 1), 16 + 8 + 8]);
});
