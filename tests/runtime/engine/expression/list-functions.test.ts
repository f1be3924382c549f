/** Functions of lists over columns, against JavaScript's own on the rows: integers in doubles and beyond 2^53, exact and as numbers, with null items. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Expression } from "#contract/expression.js";
import { valueTypeOf } from "#contract/expression-type.js";
import { allocate, type Column, rootRows } from "#runtime/base/columns/table.js";
import { compileExpression } from "#runtime/engine/expression/compile-expression.js";
import { toVector, valueAt } from "#runtime/engine/expression/vector.js";
import type { DType } from "#triton-protos/datatype.js";

type Item = bigint | number | string | null;

function lists(dtype: DType, rows: readonly (readonly Item[])[]): Column {
  const items = rows.flat();
  const values = allocate(dtype, items.length) as { [i: number]: unknown };
  items.forEach((item, i) => {
    if (item !== null)
      values[i] = values instanceof BigInt64Array ? BigInt(item) : typeof item === "bigint" ? Number(item) : item;
  });
  const offsets = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => {
    offsets[i + 1] = offsets[i]! + row.length;
  });
  const validity = items.includes(null) && { validity: Uint8Array.from(items, item => Number(item !== null)) };
  return { dtype, rows: rootRows(rows.length), values: values as never, offsets, ...validity };
}

/** Results of an expression over the column `l`, by row. */
function of(expression: Expression, column: Column): unknown[] {
  const type = valueTypeOf({ dtype: column.dtype, list: { min: 0, max: null } } as never)!;
  const compiled = compileExpression(expression, new Map([["l", type]]), "step `s`");
  const made = compiled.run(new Map([["l", toVector(column, "l")]]), column.rows.count);
  return Array.from({ length: column.rows.count }, (_, row) => valueAt(made, row));
}
const l = { column: "l" } as const;
const exact = { column: "l", exact: true } as const;
const call = (name: string, ...args: readonly Expression[]): Expression => ({ call: name, args }) as Expression;

const small = fc.bigInt({ min: -3n, max: 3n });
const any = fc.oneof(small, fc.constantFrom(2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n));
const rowsOf = (item: fc.Arbitrary<bigint>) =>
  fc.array(fc.array(fc.option(item, { freq: 6 }), { maxLength: 4 }), { minLength: 1, maxLength: 4 });
const place = fc.integer({ min: -2, max: 5 });

test.each<readonly [DType, fc.Arbitrary<bigint>]>([
  ["int32", small],
  ["int8", small],
  ["int64", small],
  ["int64", any],
])("lists of %s", (dtype, item) => {
  fc.assert(
    fc.property(rowsOf(item), item, place, (rows, wanted, at) => {
      const column = lists(dtype, rows);
      const bigints = rows.map(row => row.map(value => value ?? undefined));
      const numbers = bigints.map(row => row.map(value => (value === undefined ? undefined : Number(value))));
      expect(of(call("numbersLength", l), column)).toEqual(rows.map(row => row.length));
      expect(of(call("numberAt", l, { number: at }), column)).toEqual(numbers.map(row => row.at(at)));
      expect(of(call("numbersInclude", l, { number: Number(wanted) }), column)).toEqual(
        numbers.map(row => row.includes(Number(wanted))),
      );
      const whole = (values: readonly unknown[]) =>
        values.map(value => (value === undefined ? value : BigInt(value as bigint)));
      expect(whole(of(call("integerAt", exact, { number: at }), column))).toEqual(bigints.map(row => row.at(at)));
      expect(of(call("integersInclude", exact, { integer: String(wanted) }), column)).toEqual(
        bigints.map(row => row.includes(wanted)),
      );
    }),
    { numRuns: 200 },
  );
});
