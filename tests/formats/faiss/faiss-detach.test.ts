// Ids that a JavaScript number does not hold are taken out of a file, and the file then has positions in their place.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readFaissVectors } from "#formats/faiss/faiss.js";
import { detachIds } from "#formats/faiss/faiss-detach.js";
import { flat, full, idMap, ivfFlat } from "../../walls/support/faiss-file.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-detach-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "index.faiss");
const vectors = Float32Array.from({ length: 20 }, (_, i) => i);
const detached = (bytes: Uint8Array) => {
  writeFileSync(file, bytes);
  const found = detachIds(file);
  expect(readFileSync(file).equals(bytes)).toBe(true);
  return found;
};
const ids = Array.from({ length: 20 }, (_, i) => BigInt(3 * i));

test("ids of numbers stay in the file", () => {
  expect(detached(flat(1, vectors))).toBeUndefined();
  expect(detached(idMap(flat(1, vectors), ids))).toBeUndefined();
  expect(detached(idMap(flat(1, vectors), [...ids.slice(1), 2n ** 53n - 1n]))).toBeUndefined();
});

test.each([2n ** 53n, -1n, 2n ** 62n, -(2n ** 63n)])("one id of %s, at any place, takes out all", odd => {
  for (const at of [0, 7, 8, 19]) {
    const own = ids.map((id, i) => (i === at ? odd : id));
    const found = detached(idMap(flat(1, vectors), own))!;
    expect([...found.ids]).toEqual(own);
    expect(readFaissVectors(found.bytes)).toEqual({ vectors, ids: BigInt64Array.from(own, (_, i) => BigInt(i)) });
  }
});

test("lists have their positions one after the other", () => {
  const lists = [[5n, 2n ** 60n], [6n]];
  const content = Buffer.concat(
    lists.map(list => Buffer.concat([Buffer.alloc(4 * list.length), Buffer.from(BigInt64Array.from(list).buffer)])),
  );
  const index = ivfFlat(3, flat(1, Float32Array.of(0, 1)), 2, { sizes: full(2, 1), content });
  const found = detached(index)!;
  expect([...found.ids]).toEqual(lists.flat());
  expect([...readFaissVectors(found.bytes)!.ids]).toEqual([0n, 1n, 2n]);
});
