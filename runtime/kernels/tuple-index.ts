/**
 * Key columns without duplicate rows -> a function from columns of the same dtypes to each row's place among the keys, -1 where it is
 * none of them. A null is a value like any other.
 */
import { RuntimeFault } from "../errors.js";
import { type Column, gather, rootRows, type Values } from "../plan/table.js";
import { indexValues } from "./value-index.js";

export type TupleIndex = (columns: readonly Column[]) => Int32Array;

/** Expected constant time a row and column. `what` and the names complete the message about a column of another dtype. */
export function indexTuples(keys: readonly Column[], names: readonly string[], what: string): TupleIndex {
  const count = keys[0]!.rows.count;
  const codes = keys.map(codesOf);
  const tables: Map<number, number>[] = [];
  let combined = Int32Array.from({ length: count }, () => 0);
  for (const { code, size } of codes) {
    const seen = new Map<number, number>();
    const own = code(keys[tables.length]!);
    const wide = combined;
    combined = Int32Array.from({ length: count }, (_, i) => dense(seen, wide[i]! * size + own[i]!));
    tables.push(seen);
  }
  const places = new Int32Array(count);
  combined.forEach((tuple, place) => {
    places[tuple] = place;
  });
  return columns => {
    const found = new Int32Array(columns[0]!.rows.count);
    columns.forEach((col, c) => {
      if (col.dtype !== keys[c]!.dtype)
        throw new RuntimeFault(
          "INTERNAL",
          `${what} was fitted on \`${names[c]}\` as ${keys[c]!.dtype}, but the column is ${col.dtype}. Build the plan again with \`merlon build\`.`,
        );
      const { code, size } = codes[c]!;
      const own = code(col);
      for (let i = 0; i < found.length; i++)
        if (found[i]! >= 0) found[i] = own[i]! < 0 ? -1 : (tables[c]!.get(found[i]! * size + own[i]!) ?? -1);
    });
    for (let i = 0; i < found.length; i++) if (found[i]! >= 0) found[i] = places[found[i]!]!;
    return found;
  };
}

function dense(seen: Map<number, number>, key: number): number {
  const known = seen.get(key);
  if (known !== undefined) return known;
  seen.set(key, seen.size);
  return seen.size - 1;
}

/** One key column: a code for each of its values, 0 for null, -1 for a value it does not have. */
function codesOf(keys: Column): { readonly code: (col: Column) => Int32Array; readonly size: number } {
  const nulls = nullsOf(keys);
  const present = Int32Array.from(Array.from(nulls.keys()).filter(i => nulls[i] === 0));
  const values = distinct(gather({ ...keys }, present, rootRows(present.length)).values);
  const places = indexValues(values);
  return {
    size: values.length + 1,
    code: col => {
      const codes = places(col.values);
      const missing = nullsOf(col);
      for (let i = 0; i < codes.length; i++) codes[i] = missing[i] === 1 ? 0 : codes[i]! < 0 ? -1 : codes[i]! + 1;
      return codes;
    },
  };
}

function nullsOf({ values, validity }: Column): Uint8Array {
  const nulls = new Uint8Array(values.length);
  if (values instanceof Float32Array || values instanceof Float64Array)
    for (let i = 0; i < nulls.length; i++) nulls[i] = Number.isNaN(values[i]) ? 1 : 0;
  if (validity) for (let i = 0; i < nulls.length; i++) if (validity[i] === 0) nulls[i] = 1;
  return nulls;
}

function distinct(values: Values): Values {
  const once = [...new Set<unknown>(values as readonly unknown[])];
  if (Array.isArray(values)) return once as string[];
  return (values.constructor as unknown as { from(of: unknown[]): Values }).from(once);
}
