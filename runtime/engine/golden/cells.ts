/**
 * Plain JSON values ↔ columns. Integers are numbers, or text beyond 2^53. Infinities are text. Null and NaN are null.
 */
import type { Json } from "@duckdb/node-api";
import { z } from "zod";
import type { ColumnSchema } from "../../../contract/schema.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { allocate, type Column, type Rows } from "../../base/columns/table.js";

const value = z.union([z.number(), z.string(), z.boolean(), z.null()]);
export const cellSchema = z.union([value, z.array(value)]);
export type CellValue = z.infer<typeof value>;
export type Cell = CellValue | readonly CellValue[];

export function columnOf({ dtype, list }: ColumnSchema, cells: readonly Cell[], rows: Rows): Column {
  const flat = (list ? cells.flatMap(cell => (cell ?? []) as readonly CellValue[]) : cells) as readonly CellValue[];
  const values = allocate(dtype, flat.length);
  const target = values as { [i: number]: unknown };
  const validity = new Uint8Array(flat.length).fill(1);
  for (const [i, cell] of flat.entries()) {
    if (cell !== null) target[i] = stored(dtype, cell);
    else if (datatype(dtype).kind === "float") target[i] = Number.NaN;
    else validity[i] = 0;
  }
  const column = { dtype, rows, values, ...(validity.includes(0) && { validity }) };
  if (!list) return column;
  if (list.min === list.max) return { ...column, width: list.min };
  const offsets = new Int32Array(cells.length + 1);
  for (const [i, cell] of cells.entries()) offsets[i + 1] = offsets[i]! + ((cell ?? []) as readonly CellValue[]).length;
  const listValidity = list.nulls && cells.includes(null) && Uint8Array.from(cells, cell => Number(cell !== null));
  return { ...column, offsets, ...(listValidity && { listValidity }) };
}

function stored(dtype: DType, cell: Exclude<CellValue, null>): unknown {
  const { kind, bytes } = datatype(dtype);
  if (kind === "string") return cell;
  return bytes === 8 && kind !== "float" ? BigInt(cell) : Number(cell);
}

export function cellsOf({ dtype, values, validity, listValidity, rows, offsets, width }: Column): readonly Cell[] {
  const item = (i: number): CellValue => (validity?.[i] === 0 ? null : plain(values[i]!, dtype));
  const run = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => item(start + i));
  if (offsets)
    return Array.from({ length: rows.count }, (_, r) =>
      listValidity?.[r] === 0 ? null : run(offsets[r]!, offsets[r + 1]!),
    );
  if (width !== undefined) return Array.from({ length: rows.count }, (_, r) => run(r * width, (r + 1) * width));
  return run(0, rows.count);
}

/** A value of DuckDB's JSON. */
export function cellOf(json: Json, dtype: DType): Cell {
  if (Array.isArray(json)) return json.map(item => cellOf(item, dtype) as CellValue);
  if (json === null || json === "NaN") return null;
  const { kind, bytes } = datatype(dtype);
  if (kind === "string" || kind === "bool") return json as CellValue;
  return bytes === 8 && kind !== "float" ? plain(BigInt(json as string), dtype) : plain(Number(json), dtype);
}

function plain(found: number | bigint | string, dtype: DType): CellValue {
  if (typeof found === "string") return found;
  if (typeof found === "bigint") return Number.isSafeInteger(Number(found)) ? Number(found) : String(found);
  if (dtype === "bool") return found === 1;
  if (Number.isNaN(found)) return null;
  return Number.isFinite(found) ? found + 0 : String(found);
}
