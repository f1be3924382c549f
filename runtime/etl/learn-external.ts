/** A step that joins or compares with a file → the needed part of the file, as a table of the fitted folder, and its state. */

import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type PathInside, pathInside } from "../../contract/files/path-inside.js";
import type { OpParams } from "../../contract/op-params.js";
import type { OpState } from "../../contract/op-state.js";
import type { ColumnRef, Step } from "../../contract/plan.js";
import { type ColumnSchema, column } from "../../contract/schema.js";
import { type FittedTable, printFittedTable } from "../../operators/shared/kernel/fitted-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import { type Column, rootRows } from "../base/columns/table.js";
import { invalid } from "../base/errors.js";
import { findData, openData } from "./data-source.js";
import type { Database } from "./database.js";
import type { Learning } from "./learning.js";
import { readAll } from "./read-columns.js";

/** The context of reading a file: a connection, dtypes of the columns on the left, and the place of tables. */
export interface ReadingFiles {
  readonly files: Pick<Learning["files"], "run">;
  readonly layers: { find(ref: ColumnRef): { readonly dtype: DType } | undefined };
  /** The fitted folder to be. */
  readonly folder: string;
}

/** Columns of a file, in their declared dtypes. */
async function readFile(
  database: Database,
  path: string,
  columns: readonly ColumnSchema[],
): Promise<readonly Column[]> {
  const { relation, expressions } = await openData(database, await findData(database, path), columns);
  return readAll(
    database.connection,
    `SELECT ${expressions.join(", ")} FROM ${relation}`,
    columns.map(col => col.dtype),
  );
}

async function writeTable(folder: string, name: string, table: FittedTable): Promise<PathInside> {
  await mkdir(join(folder, "tables"), { recursive: true });
  const file = pathInside(`tables/${encodeURIComponent(name).replaceAll("*", "%2A")}.arrow`);
  await writeFile(join(folder, file), printFittedTable(table));
  return file;
}

/** @param base folder that the step's path is relative to */
export async function learnJoinExternal(
  { files, layers, folder }: ReadingFiles,
  step: Step<"joinExternal">,
  base: string,
): Promise<OpState["joinExternal"]> {
  const { path, on, onExternal, columns, dropDuplicates } = step.params;
  const keys = onExternal.map((name, i) => {
    const { dtype } = layers.find(step.inputs.input.find(ref => ref.name === on[i])!)!;
    return column(name, dtype);
  });
  const taken = Object.entries(columns).map(([name, dtype]) => column(name, dtype));
  const found = await files.run(database => readFile(database, resolve(base, path), [...keys, ...taken]));
  const named = [...keys.map((_, i) => `key ${i}`), ...taken.map(col => col.name)].map(
    (name, i) => [name, found[i]!] as const,
  );
  const seen = new Set<string>();
  const first: number[] = [];
  for (let r = 0; r < found[0]!.rows.count; r++) {
    const key = keyOf(found.slice(0, keys.length), r);
    if (!seen.has(key)) first.push(r);
    else if (!dropDuplicates)
      throw invalid(
        `step \`${step.id}\` (joinExternal): \`${path}\` has the key ${key} more than once, which would multiply rows. Set \`dropDuplicates: true\` to take the first of them.`,
      );
    seen.add(key);
  }
  const rows = rootRows(first.length);
  const table = Object.fromEntries(named.map(([name, col]) => [name, pick(col, first, rows)]));
  return { table: await writeTable(folder, step.id, table) };
}

const keyOf = (columns: readonly Column[], row: number): string =>
  columns
    .map(({ values, validity }) => (validity?.[row] === 0 ? "null" : JSON.stringify(String(values[row]))))
    .join(", ");

function pick({ dtype, values, validity }: Column, at: readonly number[], rows: Column["rows"]): Column {
  const picked = Array.isArray(values)
    ? at.map(i => values[i] as string)
    : (values.constructor as unknown as { from(of: unknown[]): Column["values"] }).from(at.map(i => values[i]));
  return { dtype, rows, values: picked, ...(validity && { validity: Uint8Array.from(at, i => validity[i]!) }) };
}

export async function learnColumnSimilarity(
  { files, folder }: Pick<ReadingFiles, "files" | "folder">,
  step: Step<"columnSimilarity">,
  base: string,
): Promise<OpState["columnSimilarity"]> {
  const { features, rightFeatures, metric } = step.params;
  const learn = async (path: string, side: string) => {
    const entries = await files.run(database => readEntries(database, resolve(base, path)));
    return writeTable(folder, `${step.id}.${side}`, matrixOf(entries, metric, path));
  };
  const left = await learn(features, "left");
  return { left, right: rightFeatures === undefined ? left : await learn(rightFeatures, "right") };
}

interface Entries {
  readonly rows: Float64Array;
  readonly columns: Float64Array;
  readonly values: Float64Array;
}

async function readEntries(database: Database, path: string): Promise<Entries> {
  const files = await findData(database, path);
  const ids = [column("row", "int64"), column("column", "int64")];
  const withValues = await openData(database, files, [...ids, column("value", "float64")]).then(
    () => true,
    () => false,
  );
  const found = await readFile(database, path, withValues ? [...ids, column("value", "float64")] : ids);
  const count = found[0]!.rows.count;
  return {
    rows: Float64Array.from(found[0]!.values as BigInt64Array, Number),
    columns: Float64Array.from(found[1]!.values as BigInt64Array, Number),
    values: withValues ? (found[2]!.values as Float64Array) : new Float64Array(count).fill(1),
  };
}

/** Weighs entries and adds up those of one place, in the order of rows and columns. */
function matrixOf(
  { rows, columns, values }: Entries,
  metric: OpParams["columnSimilarity"]["metric"],
  path: string,
): FittedTable {
  const odd = [...rows, ...columns].find(id => !(id >= 0 && id < 2 ** 31 - 1));
  if (odd !== undefined)
    throw invalid(`\`${path}\`: ${odd} is not a row or column; they are integers from 0 to 2147483646.`);
  const size = rows.reduce((most, r) => Math.max(most, r + 1), 0);
  const weights = Float64Array.from(values);
  if (metric === "tfidf") {
    const entries = new Map<number, number>();
    for (const c of columns) entries.set(c, (entries.get(c) ?? 0) + 1);
    for (let i = 0; i < weights.length; i++) weights[i]! *= Math.log(size / entries.get(columns[i]!)!);
  }
  if (metric !== "inner") {
    const squares = new Float64Array(size);
    for (let i = 0; i < weights.length; i++) squares[rows[i]!]! += weights[i]! ** 2;
    for (let i = 0; i < weights.length; i++) weights[i]! /= Math.sqrt(squares[rows[i]!]!);
  }
  const order = Array.from(rows.keys()).sort((a, b) => rows[a]! - rows[b]! || columns[a]! - columns[b]! || a - b);
  const kept: { row: number; column: number; weight: number }[] = [];
  for (const i of order) {
    const last = kept.at(-1);
    if (last && last.row === rows[i] && last.column === columns[i]) last.weight += weights[i]!;
    else kept.push({ row: rows[i]!, column: columns[i]!, weight: weights[i]! });
  }
  const all = rootRows(kept.length);
  return {
    row: { dtype: "int32", rows: all, values: Int32Array.from(kept, e => e.row) },
    column: { dtype: "int32", rows: all, values: Int32Array.from(kept, e => e.column) },
    weight: { dtype: "float64", rows: all, values: Float64Array.from(kept, e => e.weight) },
  };
}
