import { describe, expect, it } from "vitest";
import { siphash } from "#formats/hashes/siphash.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { hashValues } from "./pandas-hash.js";

const pairOf = (text: string): number[] => {
  const pair = new Int32Array(2);
  siphash(text, pair, 0);
  return [...pair];
};

/** Hashes of the strings before pandas' last mix are compared after it: both go through the same column. */
const hashed = (texts: readonly string[]): number[] => [
  ...hashValues({ dtype: "string", rows: rootRows(texts.length), values: texts }),
];

describe("hashes of strings that are remembered", () => {
  it("are those of each string alone, in any order, with more strings than places, short and long", () => {
    const texts = Array.from({ length: 20_000 }, (_, i) => `${i % 9000}${"é".repeat(i % 3)}${"x".repeat(i % 17)}`);
    const alone = new Map(texts.map(text => [text, hashed([text]).join()]));
    const together = hashed(texts);
    for (const [i, text] of texts.entries()) expect(`${together[2 * i]},${together[2 * i + 1]}`).toBe(alone.get(text));
    const distinct = new Set(texts.map(text => pairOf(text).join()));
    expect(new Set(alone.values()).size).toBe(distinct.size);
  });

  it("of repeated strings are the first one's", () => {
    const [a, b] = [hashed(["lg"]), hashed(["a text of more than twelve"])];
    expect(hashed(["lg", "lg", "lg", "a text of more than twelve", "a text of more than twelve", "lg"])).toEqual([
      ...a,
      ...a,
      ...a,
      ...b,
      ...b,
      ...a,
    ]);
  });
});
