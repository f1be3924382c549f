// Texts that are equal for rows of equal values alone, for users' values and for cached rows: of random columns, against their cells.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Expression } from "#contract/expression.js";
import { whereColumn } from "#contract/where.js";
import type { Column } from "#runtime/base/columns/table.js";
import { rowKeys } from "#runtime/engine/cache/cache-keys.js";
import { userFlags, valuesKey } from "#runtime/engine/predicate/user-values.js";
import { type Item, lists, scalars, vectors } from "../../../operators/step.js";

const ROWS = 6;
/** Few values, those that look alike among them. */
const ITEMS = {
  int64: fc.constantFrom<Item>(0n, 1n, 10n, -1n),
  float64: fc.constantFrom<Item>(0, -0, 1, 0.5, Number.POSITIVE_INFINITY),
  string: fc.constantFrom<Item>("", "1", ",", "1=1,", "n,", "a\nb", '"', "0:", "é"),
} as const;
type Kind = keyof typeof ITEMS;
const column = fc
  .record({
    dtype: fc.constantFrom<Kind>("int64", "float64", "string"),
    form: fc.constantFrom("scalar", "list", "vector"),
  })
  .chain(({ dtype, form }): fc.Arbitrary<Column> => {
    const item = ITEMS[dtype];
    const all = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: ROWS, maxLength: ROWS });
    if (form === "list") return all(fc.array(item, { maxLength: 3 })).map(rows => lists(dtype, rows));
    if (form === "vector")
      return all(fc.array(item, { minLength: 2, maxLength: 2 })).map(rows => vectors(dtype, rows, 2));
    return dtype === "float64"
      ? all(item).map(rows => scalars(dtype, rows))
      : all(fc.option(item, { freq: 3 })).map(rows => scalars(dtype, rows));
  });

/** The cells of a row, null where the column says so; -0 and 0 differ. */
function cellsOf({ values, offsets, width = 1, validity }: Column, row: number): unknown[] {
  const [from, to] = offsets ? [offsets[row]!, offsets[row + 1]!] : [row * width, (row + 1) * width];
  return Array.from({ length: to - from }, (_, i) => {
    const value: unknown = values[from + i];
    return validity?.[from + i] === 0 ? "null" : `${typeof value} ${Object.is(value, -0) ? "-0" : String(value)}`;
  });
}

test.each<[string, (columns: readonly Column[]) => readonly string[]]>([
  ["users' values", columns => Array.from({ length: ROWS }, (_, row) => valuesKey(columns, row))],
  ["cached rows", columns => rowKeys(columns, ROWS)],
])("%s", (_, keysOf) => {
  fc.assert(
    fc.property(fc.array(column, { minLength: 1, maxLength: 3 }), columns => {
      const keys = keysOf(columns);
      expect(keys).toHaveLength(ROWS);
      const cells = keys.map((_, row) => JSON.stringify(columns.map(col => cellsOf(col, row))));
      for (let a = 0; a < ROWS; a++)
        for (let b = 0; b < ROWS; b++) expect([a, b, keys[a] === keys[b]]).toEqual([a, b, cells[a] === cells[b]]);
    }),
    { numRuns: 300 },
  );
});

test("a condition on the user's own list, of any length or of one", () => {
  const condition: Expression = {
    call: "greater",
    args: [{ call: "numberAt", args: [{ column: whereColumn("user", "seen") }, { number: 1 }] }, { number: 3 }],
  };
  for (const seen of [
    lists("float32", [[9, 4], [9], [1, 2, 8]]),
    vectors(
      "float32",
      [
        [9, 4],
        [9, 0],
        [0, 3],
      ],
      2,
    ),
  ])
    expect([...userFlags([condition], new Map([["seen", seen]]), 3, "where")]).toEqual([1, 0, 0]);
});
