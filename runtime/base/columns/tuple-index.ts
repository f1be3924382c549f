/**
 * Key columns without duplicate rows → a function from columns of the same dtypes to each row's index among the keys, -1 if it has none. A
 * null is a value like any other.
 */
import { internal } from "../errors.js";
import { nullFlags } from "./null-flags.js";
import { type Column, gather, rootRows, type Values } from "./table.js";
import { indexValues } from "./value-index.js";

export type TupleIndex = (columns: readonly Column[]) => Int32Array;

/** Expected constant time a row and column. `what` and the names complete the message about a column of another dtype. */
export function indexTuples(keys: readonly Column[], names: readonly string[], what: string): TupleIndex {
  const codes = keys.map(col => codesOf(col, keys.length === 1));
  const [first, ...more] = codes;
  const tables: Map<number, number>[] = [];
  let combined = first!.code(keys[0]!);
  for (const [c, { code, size }] of more.entries()) {
    const seen = new Map<number, number>();
    const own = code(keys[c + 1]!);
    combined = combined.map((tuple, i) => dense(seen, tuple * size + own[i]!));
    tables.push(seen);
  }
  const places = new Int32Array(Math.max(first!.size, combined.length)).fill(-1);
  combined.forEach((tuple, place) => {
    places[tuple] = place;
  });
  const codesIn = (columns: readonly Column[], c: number): Int32Array => {
    const col = columns[c]!;
    if (col.dtype === keys[c]!.dtype) return codes[c]!.code(col);
    throw internal(
      `${what} was fitted on \`${names[c]}\` as ${keys[c]!.dtype}, but the column is ${col.dtype}. Build the plan again with \`merlon build\`.`,
    );
  };
  return columns => {
    const found = codesIn(columns, 0);
    for (const [c, { size }] of more.entries()) {
      const own = codesIn(columns, c + 1);
      for (let i = 0; i < found.length; i++)
        if (found[i]! >= 0) found[i] = own[i]! < 0 ? -1 : (tables[c]!.get(found[i]! * size + own[i]!) ?? -1);
    }
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
function codesOf(
  keys: Column,
  areDistinct: boolean,
): { readonly code: (col: Column) => Int32Array; readonly size: number } {
  const nulls = nullFlags(keys);
  const values = nulls.includes(1) ? presentOf(keys, nulls) : keys.values;
  const known = areDistinct ? values : distinct(values);
  const places = indexValues(known);
  return {
    size: known.length + 1,
    code: col => {
      const codes = places(col.values);
      const missing = nullFlags(col);
      for (let i = 0; i < codes.length; i++) codes[i] = missing[i] === 1 ? 0 : codes[i]! < 0 ? -1 : codes[i]! + 1;
      return codes;
    },
  };
}

function presentOf(keys: Column, nulls: Uint8Array): Values {
  const present = Int32Array.from(nulls.keys()).filter(i => nulls[i] === 0);
  return gather({ ...keys }, present, rootRows(present.length)).values;
}

function distinct(values: Values): Values {
  const once = [...new Set<unknown>(values as readonly unknown[])];
  if (Array.isArray(values)) return once as string[];
  return (values.constructor as unknown as { from(of: unknown[]): Values }).from(once);
}
