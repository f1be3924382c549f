/** Columns ↔ single rows with memory of their own, the entries of a cache. */
import type { ColumnSchema } from "../../../contract/schema.js";
import {
  allocate,
  type Column,
  childRows,
  gather,
  type Rows,
  rootRows,
  type Values,
} from "../../base/columns/table.js";

/** One row of every column; where the step makes rows, all that it made for the row. */
export interface CachedRow {
  /** Rows of each column. */
  readonly count: number;
  readonly columns: readonly Column[];
}

export function splitRows(made: readonly Column[], count: number, makesRows: boolean): CachedRow[] {
  return Array.from({ length: count }, (_, row) => {
    const offsets = made[0]?.rows.offsets;
    const [start, end] = makesRows ? [offsets![row]!, offsets![row + 1]!] : [row, row + 1];
    const indices = Int32Array.from({ length: end - start }, (_, i) => start + i);
    const rows = rootRows(end - start);
    return { count: end - start, columns: made.map(col => ownMemory(gather(col, indices, rows))) };
  });
}

/** A short array shares its memory with others, which a cache would keep. */
function ownMemory(col: Column): Column {
  const { values, offsets, validity, listValidity } = col;
  return {
    ...col,
    values: values.slice() as Values,
    ...(offsets && { offsets: offsets.slice() }),
    ...(validity && { validity: validity.slice() }),
    ...(listValidity && { listValidity: listValidity.slice() }),
  };
}

/** @param rows those of the request */
export function joinRows(
  schemas: readonly ColumnSchema[],
  kept: readonly CachedRow[],
  rows: Rows,
  makesRows: boolean,
): readonly Column[] {
  let target = rows;
  if (makesRows) {
    const offsets = new Int32Array(kept.length + 1);
    kept.forEach(({ count }, i) => {
      offsets[i + 1] = offsets[i]! + count;
    });
    target = childRows(rows, offsets);
  }
  return schemas.map((schema, c) =>
    joinColumn(
      schema,
      kept.map(({ columns }) => columns[c]!),
      target,
    ),
  );
}

function joinColumn({ dtype, list }: ColumnSchema, parts: readonly Column[], rows: Rows): Column {
  const values = joinValues(
    allocate(
      dtype,
      parts.reduce((sum, part) => sum + part.values.length, 0),
    ),
    parts,
  );
  let at = 0;
  let validity: Uint8Array | undefined;
  for (const part of parts) {
    if (part.validity) {
      validity ??= new Uint8Array(values.length).fill(1);
      validity.set(part.validity, at);
    }
    at += part.values.length;
  }
  const width = parts.length > 0 ? parts[0]!.width : list && list.min === list.max ? list.min : undefined;
  const isRagged = parts.length > 0 ? parts[0]!.offsets !== undefined : list !== undefined && width === undefined;
  const shape: { offsets?: Int32Array; width?: number } = isRagged
    ? { offsets: joinOffsets(parts, rows.count) }
    : width !== undefined
      ? { width }
      : {};
  const listValidity = parts.some(part => part.listValidity)
    ? Uint8Array.from(parts.flatMap(part => Array.from(part.listValidity ?? new Uint8Array(part.rows.count).fill(1))))
    : undefined;
  return { dtype, rows, values, ...shape, ...(validity && { validity }), ...(listValidity && { listValidity }) };
}

function joinValues(values: Values, parts: readonly Column[]): Values {
  let at = 0;
  for (const part of parts) {
    if (Array.isArray(values))
      part.values.forEach((value, i) => {
        values[at + i] = value;
      });
    else (values as Float64Array).set(part.values as Float64Array, at);
    at += part.values.length;
  }
  return values;
}

function joinOffsets(parts: readonly Column[], count: number): Int32Array {
  const offsets = new Int32Array(count + 1);
  let row = 0;
  for (const { offsets: own } of parts)
    for (let i = 1; i < own!.length; i++, row++) offsets[row + 1] = offsets[row]! + own![i]! - own![i - 1]!;
  return offsets;
}
