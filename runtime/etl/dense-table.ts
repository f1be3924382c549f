/**
 * Integer keys that lie close together, and what is known of each -> lists that a key's distance from the least one is the place in: rows look up
 * by counting, without a join, and stay in their order.
 */
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { allocate, type Values } from "../plan/table.js";
import type { Database } from "./database.js";
import { loadTable } from "./load-table.js";

/** A value for each key, then one for null and one for a key that is not there; nulls by validity. */
export interface DenseColumn {
  readonly dtype: DType;
  readonly values: Values;
  readonly validity?: Uint8Array;
}

export interface DenseTable {
  /** Of output `i` for a key: an expression. */
  value(i: number, key: string): string;
}

/** Longer than this a list is no longer small beside the values it serves. */
const LONGEST = 8_000_000;

/** Undefined where the keys are no integers or lie too far apart. */
export function denseRange(dtype: DType, keys: Values): { readonly min: bigint; readonly span: number } | undefined {
  const { kind } = datatype(dtype);
  if ((kind !== "int" && kind !== "uint") || keys.length === 0) return undefined;
  const numbers = keys as Int32Array | BigInt64Array;
  let min = numbers[0]!;
  let max = min;
  for (let i = 1; i < numbers.length; i++) {
    const key = numbers[i]!;
    if (key < min) min = key;
    if (key > max) max = key;
  }
  const span = Number(BigInt(max) - BigInt(min)) + 1;
  return span <= Math.min(LONGEST, 4 * numbers.length + 1024) && BigInt(max) < 2n ** 62n
    ? { min: BigInt(min), span }
    : undefined;
}

/** @param outputs each with two values more than there are keys */
export async function loadDense(
  database: Database,
  table: string,
  keys: Values,
  { min, span }: { readonly min: bigint; readonly span: number },
  outputs: readonly DenseColumn[],
): Promise<DenseTable> {
  const places = Int32Array.from(keys as Int32Array, key => Number(BigInt(key) - min));
  const columns = outputs.map(({ dtype, values, validity }, o) => {
    const [ofNull, unseen] = [keys.length, keys.length + 1];
    const spread = allocate(dtype, span + 2) as { [i: number]: unknown };
    const present = validity && new Uint8Array(span + 2);
    const put = (to: number, from: number) => {
      spread[to] = values[from];
      if (present) present[to] = validity![from]!;
    };
    for (let i = 0; i < span; i++) put(i, unseen);
    for (let i = 0; i < places.length; i++) put(places[i]!, i);
    put(span, ofNull);
    put(span + 1, unseen);
    return { name: `o${o}`, dtype, values: spread as unknown as Values, ...(present && { validity: present }) };
  });
  await loadTable(database, `${table}_rows`, columns, span + 2);
  const lists = columns.map(({ name }) => `list(${name} ORDER BY rowid) AS ${name}`);
  await database.run(
    `CREATE OR REPLACE TABLE ${table} AS SELECT ${lists.join(", ")} FROM ${table}_rows; DROP TABLE ${table}_rows`,
    "loading a fitted table",
  );
  const end = min + BigInt(span) - 1n;
  return {
    value: (i, key) =>
      `(SELECT o${i} FROM ${table})[CASE WHEN ${key} BETWEEN ${min} AND ${end} THEN CAST(${key} AS BIGINT) - ${min - 1n} WHEN ${key} IS NULL THEN ${span + 1} ELSE ${span + 2} END]`,
  };
}
