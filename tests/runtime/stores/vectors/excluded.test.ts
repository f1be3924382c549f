// Ids that a search leaves out: texts and their positions, integers of any width, scalars, lists and vectors, with nulls.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { TextIds } from "#formats/faiss/text-ids.js";
import { excludedIds } from "#runtime/stores/vectors/excluded-ids.js";
import type { Excluded } from "#runtime/stores/vectors/protocol.js";
import { excludedTexts, textPositions } from "#runtime/stores/vectors/text-positions.js";
import { type Item, lists, scalars, vectors } from "../../../operators/step.js";

function mapOf(texts: readonly string[]): TextIds {
  const parts = texts.map(text => Buffer.from(text));
  const starts = [0, ...parts.map((_, i) => parts.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0))];
  return {
    count: texts.length,
    bytes: Buffer.concat(parts),
    start: (i: number) => starts[i]!,
    at: (i: number) => texts[i]!,
  } as TextIds;
}
const runs = ({ ids, offsets }: Excluded): bigint[][] =>
  Array.from({ length: offsets.length - 1 }, (_, row) => [...ids.subarray(offsets[row], offsets[row + 1])]);

/** Short ones, so that some begin others and many are not there. */
const text = fc.string({ unit: fc.constantFrom("a", "b", "ü", "\0"), maxLength: 4 });

test("every text has its place, and no other has one", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(text, { maxLength: 12, size: "max" }),
      fc.array(text, { maxLength: 10 }),
      async (texts, others) => {
        // Each table has this process's own seed, so that the same texts have other positions in another.
        for (let table = 0; table < 3; table++) {
          const positionOf = await textPositions(mapOf(texts));
          expect(texts.map(positionOf)).toEqual(texts.map((_, i) => i));
          expect(others.map(positionOf)).toEqual(others.map(other => texts.indexOf(other)));
        }
      },
    ),
    { numRuns: 300 },
  );
});

const shaped = <T extends Item>(item: fc.Arbitrary<T>) =>
  fc.oneof(
    fc
      .array(fc.array(fc.option(item), { minLength: 1, maxLength: 1 }), { maxLength: 5 })
      .map(rows => ({ shape: "scalar" as const, rows })),
    fc
      .array(fc.array(fc.option(item), { maxLength: 4 }), { maxLength: 5 })
      .map(rows => ({ shape: "ragged" as const, rows })),
    fc
      .array(fc.array(fc.option(item), { minLength: 2, maxLength: 2 }), { maxLength: 5 })
      .map(rows => ({ shape: "vector" as const, rows })),
  );
function columnOf(
  dtype: "int32" | "int64" | "uint8" | "string",
  { shape, rows }: { readonly shape: string; readonly rows: readonly (readonly Item[])[] },
) {
  const blank = dtype === "string" ? "a" : 1;
  const filled = rows.map(row => row.map(item => item ?? blank));
  const made =
    shape === "scalar"
      ? scalars(dtype, filled.flat())
      : shape === "ragged"
        ? lists(dtype, filled)
        : vectors(dtype, filled, 2);
  const validity = Uint8Array.from(rows.flat(), item => (item === null ? 0 : 1));
  return validity.includes(0) ? { ...made, validity } : made;
}

test.each(["int32", "int64", "uint8"] as const)("%s: each row's own, without nulls", dtype => {
  fc.assert(
    fc.property(shaped(fc.nat({ max: 255 })), given => {
      const column = columnOf(dtype, given);
      const expected = given.rows.map(row => row.filter(item => item !== null).map(BigInt));
      expect(runs(excludedIds(column, column.rows))).toEqual(expected);
    }),
  );
});

test("texts: each row's own places; nulls, and texts that the map lacks, exclude nothing", async () => {
  const positionOf = await textPositions(mapOf(["a", "b", "ab"]));
  const item = fc.constantFrom("a", "b", "ab", "ba", "");
  fc.assert(
    fc.property(shaped(item), given => {
      const column = columnOf("string", given);
      const expected = given.rows.map(row =>
        row.flatMap(one =>
          one === null || !["a", "b", "ab"].includes(one) ? [] : [BigInt(["a", "b", "ab"].indexOf(one))],
        ),
      );
      expect(runs(excludedTexts(column, column.rows, positionOf))).toEqual(expected);
    }),
  );
  expect(() => excludedTexts(scalars("int64", [1n]), { count: 1 }, positionOf)).toThrow(
    "`exclude` holds int64, and the ids of the index are texts.",
  );
});
