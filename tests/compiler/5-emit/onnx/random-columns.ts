/** Random columns of users and of their candidates: nulls, ties, users without candidates, ragged lists. */
import fc from "fast-check";
import { type DType, datatype } from "#triton-protos/datatype.js";
import type { Given } from "./step-both-ways.js";

/** Few values, so that there are ties, with the dtype's edges. */
export function someOf(dtype: DType): fc.Arbitrary<unknown> {
  const { kind, bytes } = datatype(dtype);
  if (kind === "bool") return fc.boolean();
  if (kind === "string") return fc.constantFrom("", "a", "b", "é", "😀", "7");
  if (kind === "float") return fc.constantFrom(0, -0, 1.5, -2.25, 7, 1e30);
  const bits = BigInt(bytes * 8);
  const edges = kind === "uint" ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  return fc.constantFrom(...edges, 1n, 2n, 7n).map(x => (bytes === 8 ? x : Number(x)));
}
const nullable = (value: fc.Arbitrary<unknown>) => fc.option(value, { freq: 4, nil: null });
const listOf = (value: fc.Arbitrary<unknown>, list: Given["list"]) =>
  typeof list === "number" ? fc.array(value, { minLength: list, maxLength: list }) : fc.array(value, { maxLength: 4 });

/** The form of a column: its dtype, whether it has nulls, lists, and one value per user or per candidate. */
export interface Shape {
  readonly dtype: DType;
  readonly nulls?: boolean;
  readonly list?: "ragged" | number;
  readonly of?: "user" | "candidate";
  readonly values?: fc.Arbitrary<unknown>;
}

export function columnsOf(shapes: Readonly<Record<string, Shape>>): fc.Arbitrary<Record<string, Given>> {
  const counts = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 });
  return counts.chain(users => {
    const one = ({ dtype, nulls, list, of, values = someOf(dtype) }: Shape): fc.Arbitrary<Given> => {
      const item = nulls ? nullable(values) : values;
      const cell = list === undefined ? item : listOf(item, list);
      const exactly = (n: number) => fc.array(cell, { minLength: n, maxLength: n });
      const head = { dtype, ...(list !== undefined && { list }), candidates: of === "candidate" };
      const cells: fc.Arbitrary<readonly unknown[]> =
        of === "candidate" ? fc.tuple(...users.map(exactly)) : exactly(users.length);
      return cells.map(made => ({ ...head, cells: made }));
    };
    return fc.record(Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, one(shape)])));
  });
}
