// A delta that is read again: further commits continue it, and another file in its place is read from the beginning.
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { printCommit, printHeader } from "#formats/delta/delta-file.js";
import { printRows } from "#formats/delta/delta-rows.js";
import { readDelta } from "#runtime/stores/vectors/delta/read-delta.js";

let file: string;
beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), "merlon-read-")), "items.faiss.delta");
});
afterEach(() => rmSync(join(file, ".."), { recursive: true }));

const header = (sha: string) =>
  printHeader({
    ...{ ids: "int64", dimension: 1, metric: "l2", unit: false },
    base: { file: "", bytes: 1, sha256: sha.repeat(64) },
  });
const upsert = (id: bigint) => [
  printRows("upserts", {
    ids: BigInt64Array.of(id),
    vectors: Float32Array.of(0.5),
    attributes: new Uint8Array(0),
  }),
  printCommit({ at: 1, positions: { feed: String(id) } }),
];

test("another file of the same number and more bytes is read anew", async () => {
  writeFileSync(file, Buffer.concat([header("a"), ...upsert(1n)]));
  const first = (await readDelta(file))!;
  const { ino } = statSync(file);
  writeFileSync(file, Buffer.concat([...upsert(2n)]), { flag: "a" });
  const second = (await first.more())!;
  expect([...second.contents.items.keys()]).toEqual([1n, 2n]);
  expect(second.contents).toBe(first.contents);
  // A file system gives the number of a removed file to the next one; writing in place does so for certain.
  writeFileSync(file, Buffer.concat([header("b"), ...upsert(3n), ...upsert(4n), ...upsert(5n)]));
  expect(statSync(file).ino).toBe(ino);
  expect(statSync(file).size).toBeGreaterThan(second.end);
  const third = (await second.more())!;
  expect(third.header.base.sha256).toBe("b".repeat(64));
  expect([...third.contents.items.keys()]).toEqual([3n, 4n, 5n]);
  expect(third.contents.positions.get("feed")).toBe("5");
});
