/**
 * A step that looks up groups of keys → tables of its kernel's results for every known key and for an unknown one. With these an engine
 * returns the kernel's results row by row.
 */
import { join } from "node:path";
import type { ColumnRef, Fitted } from "../../contract/plan.js";
import { prepareKernel } from "../../operators/kernels.js";
import { readFittedTable } from "../../operators/shared/kernel/fitted-table.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { nullFlags } from "../base/columns/null-flags.js";
import { allocate, type Column, gather, type Rows, rootRows, type Values } from "../base/columns/table.js";
import { indexValues } from "../base/columns/value-index.js";
import { internal } from "../base/errors.js";
import type { Database } from "./database.js";
import { type DenseColumn, denseBytes, denseRange, loadDense } from "./dense-table.js";
import { loadTable, type NamedValues } from "./load-table.js";
import type { LookUp, Sql } from "./sql/dialect.js";
import type { SqlColumn } from "./sql/sql-column.js";

export interface GroupLookup {
  /** The step's input columns that are the keys. */
  readonly columns: readonly string[];
  /** The look-up of a row's outputs. */
  find(keys: readonly SqlColumn[]): Omit<LookUp, "alias"> | undefined;
  /** Expressions of the outputs. `found` names what was found. */
  outputs(keys: readonly SqlColumn[], found: string): readonly string[];
}

/** The place of group tables. */
export interface TableStore {
  readonly sql: Sql;
  /** Says no where there is no room. */
  reserve(bytes: number): boolean;
  load(table: string, columns: readonly NamedValues[], rows: number): Promise<void>;
  /** A table to count in, where the store has such and the keys are fit for it. */
  dense?(table: string, keys: Column, outputs: readonly DenseColumn[]): ReturnType<typeof loadDense> | undefined;
}

export const duckdbStore = (database: Database): TableStore => ({
  sql: database.sql,
  reserve: bytes => database.reserve(bytes),
  load: (table, columns, rows) => loadTable(database, table, columns, rows),
  dense(table, { dtype, values }, outputs) {
    const range = denseRange(dtype, values);
    return range && database.reserve(denseBytes(range, outputs.length))
      ? loadDense(database, table, values, range, outputs)
      : undefined;
  },
});

export type GroupStep = Fitted<"targetEncoding"> | Fitted<"joinGroupby">;

/** One table a group; undefined where they do not fit in memory. */
export async function loadGroups(
  store: TableStore,
  step: GroupStep,
  dtypeOf: (ref: ColumnRef) => DType,
  folder: string,
): Promise<readonly GroupLookup[] | undefined> {
  const refs = step.inputs.input;
  const kernel = await prepareKernel(step, { folder, models: { describe: refuse, infer: refuse } });
  const groups = step.state.groups;
  const perGroup = step.outputs.length / groups.length;
  const found: GroupLookup[] = [];
  for (const [g, { columns, table: file }] of groups.entries()) {
    const fitted = readFittedTable(join(folder, file));
    const keys = columns.map((_, i) => fitted[`key ${i}`]!);
    const known = keys[0]!.rows.count;
    if (!store.reserve(known * 24 * (columns.length + perGroup))) return undefined;
    const rows = rootRows(known + 1);
    const input = refs.map(ref => {
      const at = columns.indexOf(ref.name);
      return at < 0 ? blank(dtypeOf(ref), rows) : withUnseen(keys[at]!, rows);
    });
    const made = await kernel.run({ input }, { seed: 0n, parameters: new Map() });
    const outputs = made.slice(g * perGroup, (g + 1) * perGroup);
    const table = `merlon_groups_${Buffer.from(step.id).toString("hex")}_${g}`;
    const [only] = keys;
    const dense =
      keys.length === 1 && !only!.validity ? await store.dense?.(table, only!, outputs.map(withLastTwice)) : undefined;
    found.push(
      dense ? denseGroups(columns, dense, outputs.length) : await joinedGroups(store, table, columns, keys, outputs),
    );
  }
  return found;
}

const denseGroups = (
  columns: readonly string[],
  dense: Awaited<ReturnType<typeof loadDense>>,
  count: number,
): GroupLookup => ({
  columns,
  find: ([key]) => ({ ...dense(key!.sql), take: outputNames(count) }),
  outputs: (_keys, row) => outputNames(count).map(name => `${row}.${name}`),
});

const outputNames = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `o${i}`);

/** Null is a key that is not there. */
function withLastTwice(col: Column, i: number): DenseColumn {
  const last = col.values.length - 1;
  const places = new Int32Array(last + 2);
  for (let place = 0; place < places.length; place++) places[place] = Math.min(place, last);
  return { name: `o${i}`, ...gather({ ...col, validity: presence(col) }, places, rootRows(last + 2)) };
}

/** Rows find their group by a join that answers one value: all outputs together. */
async function joinedGroups(
  store: TableStore,
  table: string,
  columns: readonly string[],
  keys: readonly Column[],
  outputs: readonly Column[],
): Promise<GroupLookup> {
  const count = keys[0]!.rows.count;
  const cells: NamedValues[] = [
    ...keys.map(({ dtype, values, validity }, i) => ({ name: `k${i}`, dtype, values, ...(validity && { validity }) })),
    ...outputs.map((col, i) => ({ name: `o${i}`, dtype: col.dtype, values: col.values, validity: presence(col) })),
  ];
  await store.load(table, cells, count);
  return {
    columns,
    find: of => ({ table, keys: of.map((key, i) => [`k${i}`, key.sql]), take: outputs.map((_, i) => `o${i}`) }),
    outputs: (_keys, row) =>
      outputs.map((col, i) => `CASE WHEN ${row} IS NULL THEN ${literal(store.sql, col, count)} ELSE ${row}.o${i} END`),
  };
}

const refuse = () => Promise.reject(internal("a workflow calls no model."));

const blank = (dtype: DType, rows: Rows): Column => ({
  dtype,
  rows,
  values: allocate(dtype, rows.count),
  validity: new Uint8Array(rows.count),
});

/** A key column with one more row, whose value is none of the others, or null where every value is taken. */
function withUnseen({ dtype, values, validity }: Column, rows: Rows): Column {
  const more = allocate(dtype, rows.count) as Int32Array | string[];
  if (Array.isArray(more)) for (let i = 0; i < values.length; i++) more[i] = values[i] as string;
  else more.set(values as Int32Array);
  const present = new Uint8Array(rows.count).fill(1);
  if (validity) present.set(validity);
  const unseen = unseenValue(dtype, values);
  if (unseen === undefined) present[rows.count - 1] = 0;
  else (more as { [i: number]: unknown })[rows.count - 1] = unseen;
  return { dtype, rows, values: more, validity: present };
}

function unseenValue(dtype: DType, values: Values): number | bigint | string | undefined {
  const { kind, bytes } = datatype(dtype);
  if (kind === "string") return `${(values as readonly string[]).reduce((a, b) => (b.length > a.length ? b : a), "")}?`;
  const isWide = bytes === 8 && kind !== "float";
  const end = kind === "bool" ? 2 : Math.min(values.length + 1, kind === "float" ? 2 ** 24 : 2 ** (8 * bytes - 1));
  const places = indexValues(values);
  // The first numbers are mostly taken where keys are ids: the one behind the last place is the likeliest to be free.
  for (let i = end - 1; i >= 0; i--) {
    const candidate = allocate(dtype, 1) as { [i: number]: unknown };
    candidate[0] = isWide ? BigInt(i) : i;
    if (places(candidate as unknown as Values)[0]! < 0) return isWide ? BigInt(i) : i;
  }
  return undefined;
}

/** A float that is NaN is null. */
export const presence = (col: Pick<Column, "values" | "validity">): Uint8Array =>
  nullFlags(col).map(isNull => 1 - isNull);

function literal(sql: Sql, col: Column, row: number): string {
  if (presence(col)[row] === 0) return "NULL";
  const value = col.values[row]!;
  return datatype(col.dtype).kind === "bool" ? String(value === 1) : sql.constant(value, col.dtype);
}
