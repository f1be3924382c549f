// Searches among some of an index's vectors give what faiss-cpu gives with IDSelectorBitmap and IDSelectorBatch.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { FilteredWay } from "#runtime/stores/vectors/filtered-search.js";
import { type FilteredIndex, openFilteredIndex } from "#runtime/stores/vectors/open-index.js";

const fixtures = fileURLToPath(new URL("../../tests/fixtures", import.meta.url));
const kinds = join(fixtures, "faiss-kinds", "1.15.1");
const queries = Float32Array.from(JSON.parse(readFileSync(join(kinds, "answers.json"), "utf8")).queries as number[]);
interface Found {
  readonly ids: number[][];
  readonly distances: number[][];
}
const { masks, indexes } = JSON.parse(readFileSync(join(fixtures, "faiss-filtered", "answers.json"), "utf8")) as {
  masks: Record<string, number[]>;
  indexes: Record<string, Record<string, { selected: Found | null; exact: Found | null }>>;
};

/** Items were added in order, with the id 5000 + 3 i or their position. */
function bitsOf(index: FilteredIndex, items: readonly number[]): Uint8Array {
  const { ntotal } = index.header;
  const bits = new Uint8Array(Math.ceil(ntotal / 8));
  const wanted = new Set(items.map(i => BigInt(index.ids ? 5000 + 3 * i : i)));
  for (let at = 0; at < ntotal; at++) if (wanted.has(index.ids?.[at] ?? BigInt(at))) bits[at >> 3]! |= 1 << (at & 7);
  return bits;
}

async function ask(index: FilteredIndex, items: readonly number[], way: FilteredWay, effort = 0): Promise<Found> {
  const among = { bits: bitsOf(index, items), count: items.length, way, effort };
  const { ids, distances, offsets } = await index.searchAmong(among, queries.slice(), 6, 10);
  const rows = <T>(values: ArrayLike<T>) =>
    Array.from({ length: 6 }, (_, row) => Array.from(values).slice(offsets[row], offsets[row + 1]));
  return { ids: rows(ids).map(row => row.map(Number)), distances: rows(distances) };
}

/** Quantized vectors tie: ids are compared where their distance is unique. */
function expectSame(found: Found, wanted: Found): void {
  expect(found.distances).toEqual(wanted.distances.map(row => row.map(d => expect.closeTo(d, 3) as number)));
  wanted.ids.forEach((row, r) => {
    const distances = wanted.distances[r]!;
    const alone = row.flatMap((_, i) =>
      distances.every((d, j) => j === i || Math.abs(d - distances[i]!) > 1e-3) && i < 9 ? [i] : [],
    );
    expect(alone.map(i => found.ids[r]![i])).toEqual(alone.map(i => row[i]));
  });
}

const cases = Object.entries(indexes).flatMap(([name, byMask]) =>
  Object.entries(byMask).flatMap(([mask, { selected, exact }]) => {
    const isIvf = name.includes("ivf");
    return [
      ...(selected ? [[name, mask, isIvf ? "lists" : "exact", selected, exact] as const] : []),
      ...(exact ? [[name, mask, "exact", exact, exact] as const] : []),
    ];
  }),
);

describe("as faiss-cpu with a selector", () => {
  test.each(cases)("%s, %s, %s", async (name, mask, way, wanted, exact) => {
    const index = await openFilteredIndex(join(kinds, `${name}.faiss`));
    const found = await ask(index, masks[mask]!, way);
    expectSame(found, filled(wanted, exact ?? found, Math.min(10, masks[mask]!.length)));
    await index.close();
  });

  test("a graph finds what an exact search finds, and all of a few", async () => {
    const index = await openFilteredIndex(join(kinds, "idmap-hnsw.faiss"));
    for (const [mask, items] of Object.entries(masks)) {
      const found = await ask(index, items, "graph", 300);
      expectSame(found, await ask(index, items, "exact"));
      expectSame(found, indexes["idmap-hnsw"]![mask]!.exact!);
      const hasty = await ask(index, items, "graph", 1);
      expect(hasty.ids.map(row => row.length)).toEqual(found.ids.map(row => row.length));
    }
    await index.close();
  });
});

/** A search of lists that finds fewer than there are is repeated over all lists. @param most how many there are */
function filled(wanted: Found, exact: Found, most: number): Found {
  const pick = <T>(theirs: T[][], all: T[][]): T[][] => theirs.map((row, r) => (row.length < most ? all[r]! : row));
  return { ids: pick(wanted.ids, exact.ids), distances: pick(wanted.distances, exact.distances) };
}
