/**
 * Plain values (numbers, texts, booleans, null, and lists of them) ↔ kernel columns and Parquet files. Integers are numbers, or text beyond
 * 2^53. Infinities are `"inf"` and `"-inf"`. NaN reads as null.
 */
import { DuckDBInstance, type Json } from "@duckdb/node-api";
import type { ColumnSchema } from "#contract/schema.js";
import { allocate, type Column, type Rows } from "#runtime/base/columns/table.js";
import { type DType, datatype } from "#triton-protos/datatype.js";

export type Value = number | string | boolean | null;
export type Cell = Value | readonly Value[];
export type Cells = Readonly<Record<string, readonly Cell[]>>;

export function toColumn({ dtype, list }: ColumnSchema, cells: readonly Cell[], rows: Rows): Column {
  const flat = (list ? cells.flatMap(cell => (cell ?? []) as readonly Value[]) : cells) as readonly Value[];
  const values = allocate(dtype, flat.length);
  const target = values as { [i: number]: unknown };
  const validity = new Uint8Array(flat.length).fill(1);
  flat.forEach((value, i) => {
    if (value !== null) target[i] = stored(dtype, value);
    else if (datatype(dtype).kind === "float") target[i] = Number.NaN;
    else validity[i] = 0;
  });
  const nulls = validity.includes(0) ? { validity } : {};
  if (!list) return { dtype, rows, values, ...nulls };
  if (list.min === list.max) return { dtype, rows, values, width: list.min, ...nulls };
  const offsets = new Int32Array(cells.length + 1);
  cells.forEach((cell, i) => {
    offsets[i + 1] = offsets[i]! + ((cell ?? []) as readonly Value[]).length;
  });
  return { dtype, rows, values, offsets, ...nulls };
}

const stored = (dtype: DType, value: Exclude<Value, null>): unknown => {
  if (dtype === "int64" || dtype === "uint64") return BigInt(value);
  if (datatype(dtype).kind === "float") return Number(String(value).replace("inf", "Infinity"));
  return datatype(dtype).kind === "bool" ? Number(value) : value;
};

export function fromColumn(col: Column): Cell[] {
  const { dtype, values, validity, rows, offsets, width } = col;
  const item = (i: number): Value => (validity?.[i] === 0 ? null : plain(values[i]!, dtype));
  const run = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => item(start + i));
  if (offsets) return Array.from({ length: rows.count }, (_, r) => run(offsets[r]!, offsets[r + 1]!));
  if (width !== undefined) return Array.from({ length: rows.count }, (_, r) => run(r * width, (r + 1) * width));
  return run(0, rows.count);
}

function plain(value: number | bigint | string, dtype: DType): Value {
  if (typeof value === "bigint") return plainInteger(value);
  if (typeof value === "string") return value;
  if (dtype === "bool") return value === 1;
  if (Number.isNaN(value)) return null;
  return Number.isFinite(value) ? value + 0 : value > 0 ? "inf" : "-inf";
}

const plainInteger = (value: bigint): Value =>
  value < 2n ** 53n && value > -(2n ** 53n) ? Number(value) : String(value);

/** Writes columns to a Parquet file of exactly the given types. */
export async function writeParquet(file: string, schema: readonly ColumnSchema[], cells: Cells): Promise<void> {
  await withConnection(async query => {
    const types = schema.map(col => `${datatype(col.dtype).duckdb}${col.list ? "[]" : ""}`);
    await query(`CREATE TEMP TABLE t (${schema.map((col, i) => `"${col.name}" ${types[i]}`).join(", ")})`);
    const count = cells[schema[0]!.name]!.length;
    const rows = Array.from(
      { length: count },
      (_, r) => `(${schema.map((col, i) => `CAST(${literal(cells[col.name]![r]!)} AS ${types[i]})`).join(", ")})`,
    );
    for (let start = 0; start < count; start += 500)
      await query(`INSERT INTO t VALUES ${rows.slice(start, start + 500).join(", ")}`);
    await query(`COPY t TO '${file}' (FORMAT parquet)`);
  });
}

function literal(cell: Cell): string {
  if (cell === null) return "NULL";
  if (Array.isArray(cell)) return `[${cell.map(literal).join(", ")}]`;
  return typeof cell === "boolean" ? String(cell) : `'${String(cell).replaceAll("'", "''")}'`;
}

/** Reads a Parquet file as plain values; the types as DuckDB names them. */
export async function readParquet(
  file: string,
): Promise<{ cells: Record<string, Cell[]>; types: Record<string, string> }> {
  return withConnection(async query => {
    const { names, types, rows } = await query(`SELECT * FROM '${file}'`);
    return {
      cells: Object.fromEntries(names.map((name, i) => [name, rows.map(row => fromJson(row[i]!, types[i]!))])),
      types: Object.fromEntries(names.map((name, i) => [name, types[i]!])),
    };
  });
}

function fromJson(value: Json, type: string): Cell {
  if (Array.isArray(value)) return value.map(item => fromJson(item, type.replace("[]", "")) as Value);
  if (value === null || value === "NaN") return null;
  if (typeof value === "string" && /INT/.test(type)) return plainInteger(BigInt(value));
  if (typeof value === "string" && /FLOAT|DOUBLE/.test(type)) return value === "Infinity" ? "inf" : "-inf";
  return typeof value === "number" ? value + 0 : (value as Value);
}

export type Query = (sql: string) => Promise<{ names: string[]; types: string[]; rows: Json[][] }>;

/** With a database of its own. */
export async function withDuckDB<T>(use: (query: Query) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(":memory:");
  try {
    return await connected(instance, use);
  } finally {
    instance.closeSync();
  }
}

let shared: Promise<DuckDBInstance> | undefined;

/** With a connection to one database of the process: opening a database takes 11 ms of CPU. Temporary tables are the connection's own. */
async function withConnection<T>(use: (query: Query) => Promise<T>): Promise<T> {
  shared ??= DuckDBInstance.create(":memory:").then(instance => {
    process.once("exit", () => instance.closeSync());
    return instance;
  });
  return connected(await shared, use);
}

async function connected<T>(instance: DuckDBInstance, use: (query: Query) => Promise<T>): Promise<T> {
  const connection = await instance.connect();
  try {
    return await use(async sql => {
      const reader = await connection.runAndReadAll(sql);
      return { names: reader.columnNames(), types: reader.columnTypes().map(String), rows: reader.getRowsJson() };
    });
  } finally {
    connection.closeSync();
  }
}
