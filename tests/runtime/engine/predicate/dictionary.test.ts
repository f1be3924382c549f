// The distinct values of an attribute: each position has its own, a missing one is the last, and many values have no dictionary.
import fc from "fast-check";
import { expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { type Dictionary, dictionaryOf } from "#runtime/engine/predicate/dictionary.js";
import { type Attribute, isText, TURN } from "#runtime/stores/attributes/attribute-column.js";
import { type Item, scalars } from "../../../operators/step.js";

/** @returns the dictionary, and the number of turns before it */
function made(attribute: Attribute): readonly [Dictionary | undefined, number] {
  const turns = dictionaryOf(attribute);
  for (let count = 0; ; count++) {
    const next = turns.next();
    if (next.done) return [next.value, count];
  }
}
/** Values by place; undefined for one that is missing. */
function valuesOf({ values: attribute, count }: Dictionary): unknown[] {
  if (isText(attribute)) return Array.from(attribute.codes, code => (code < 0 ? undefined : attribute.texts[code]));
  const { values, validity, rows, dtype } = attribute.column;
  expect([rows.count, values.length, typeof dtype]).toEqual([count, count, "string"]);
  return Array.from(values as ArrayLike<unknown>, (value, i) => (validity?.[i] === 0 ? undefined : value));
}

const KINDS = {
  int32: fc.constantFrom(-1, 0, 7),
  int64: fc.constantFrom(0n, 1n, -(2n ** 63n)),
  float64: fc.constantFrom(0, 0.5, Number.POSITIVE_INFINITY),
  bool: fc.constantFrom(true, false),
} as const;
const given = fc.constantFrom(...(Object.keys(KINDS) as (keyof typeof KINDS)[])).chain(dtype =>
  fc.record({
    dtype: fc.constant(dtype),
    items: fc.array(fc.option(KINDS[dtype] as fc.Arbitrary<Item>, { freq: 5 }), { minLength: 16, maxLength: 40 }),
  }),
);

// At most four values, since a float column has NaN for null: a quarter of 16.
test("numbers: each position has its value", () => {
  fc.assert(
    fc.property(given, ({ dtype, items }) => {
      const column = scalars(dtype, items);
      const [dictionary] = made({ column });
      const cells = Array.from(column.values as ArrayLike<unknown>, (value, i) =>
        column.validity?.[i] === 0 ? undefined : value,
      );
      const distinct = new Set(cells.filter(cell => cell !== undefined));
      const values = valuesOf(dictionary!);
      expect(dictionary!.count).toBe(distinct.size + 1);
      expect(values).toEqual([...distinct, undefined]);
      expect(Array.from(dictionary!.codes, code => values[code])).toEqual(cells);
    }),
    { numRuns: 150 },
  );
});

test("texts keep their dictionary, and missing texts get one more place", () => {
  const attribute = { texts: ["b", "", "a"], codes: Int32Array.of(2, -1, 0, 2, 1) };
  const [dictionary, turns] = made(attribute);
  const values = valuesOf(dictionary!);
  expect([turns, dictionary!.count, values]).toEqual([0, 4, ["b", "", "a", undefined]]);
  expect(Array.from(dictionary!.codes, code => values[code])).toEqual(["a", undefined, "b", "a", ""]);
});

test("a quarter of the positions may have values of their own, and not more", () => {
  const of = (count: number, distinct: number) =>
    made({
      column: scalars(
        "int32",
        Array.from({ length: count }, (_, i) => Math.min(i, distinct - 1)),
      ),
    })[0];
  expect(of(8, 2)!.count).toBe(3);
  expect(of(8, 3)).toBeUndefined();
  expect(of(11, 3)!.count).toBe(4);
  expect(of(12, 3)!.count).toBe(4);
  expect(of(12, 4)).toBeUndefined();
});

test("a condition may treat both zeros differently, so -0 has no dictionary", () => {
  const zeros = (...values: readonly number[]) =>
    made({
      column: {
        dtype: "float64",
        rows: rootRows(12),
        values: Float64Array.from([...values, ...Array<number>(10).fill(1)]),
      },
    })[0];
  expect(zeros(0, 1)!.count).toBe(3);
  expect([zeros(-0, 1), zeros(1, -0)]).toEqual([undefined, undefined]);
});

test("other work has a turn after each stretch", () => {
  const turnsOf = (count: number) =>
    made({ column: { dtype: "int32", rows: rootRows(count), values: new Int32Array(count) } })[1];
  expect([turnsOf(TURN - 1), turnsOf(TURN), turnsOf(2 * TURN - 1), turnsOf(2 * TURN)]).toEqual([0, 1, 1, 2]);
  // Nulls count, too, and the last positions are read.
  const values = new Int32Array(TURN + 5).fill(3, TURN);
  const [dictionary, turns] = made({
    column: { dtype: "int32", rows: rootRows(TURN + 5), values, validity: new Uint8Array(TURN + 5).fill(1, 7) },
  });
  expect([turns, valuesOf(dictionary!), dictionary!.codes[0], dictionary!.codes.at(-1)]).toEqual([
    ...[1, [0, 3, undefined], 2, 1],
  ]);
});
