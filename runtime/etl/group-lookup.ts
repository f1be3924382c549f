/**
 * A step that looks groups of keys up -> tables of what its kernel makes of every key it knows, and of one that it does not: with these
 * an engine answers as the kernel would, row by row.
 */
import { join } from "node:path";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { ColumnRef, Step } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import { readFittedTable } from "../kernels/fitted-table.js";
import { prepareKernel } from "../kernels/index.js";
import { allocate, type Column, type Rows, rootRows, type Values } from "../plan/table.js";
import type { Database } from "./database.js";
import { type DenseColumn, type DenseTable, denseRange, loadDense } from "./dense-table.js";
import { loadTable, type NamedValues } from "./load-table.js";
import type { LookUp, Sql } from "./sql/dialect.js";
import type { SqlColumn } from "./sql/sql-form.js";

export interface GroupLookup {
  /** The step's input columns that are the keys. */
  readonly columns: readonly string[];
  /** Where a row's outputs have to be looked for. */
  find(keys: readonly SqlColumn[]): Omit<LookUp, "alias"> | undefined;
  /** Expressions of the outputs. `found` names what was found. */
  outputs(keys: readonly SqlColumn[], found: string): readonly string[];
}

/** Where tables of groups go. */
export interface TableStore {
  readonly sql: Sql;
  /** Says no where there is no room. */
  reserve(bytes: number): boolean;
  load(table: string, columns: readonly NamedValues[], rows: number): Promise<void>;
  /** A table to count in, where the store has such and the keys are fit for it. */
  dense?(table: string, keys: Column, outputs: () => readonly DenseColumn[]): Promise<DenseTable | undefined>;
}

export const duckdbStore = (database: Database): TableStore => ({
  sql: database.sql,
  reserve: bytes => database.reserve(bytes),
  load: (table, columns, rows) => loadTable(database, table, columns, rows),
  async dense(table, { dtype, values }, outputs) {
    const range = denseRange(dtype, values);
    return range && loadDense(database, table, values, range, outputs());
  },
});

type Lookup = Step<"targetEncoding"> | Step<"joinGroupby">;

/** One table a group; undefined where they do not fit in memory. */
export async function loadGroups(
  store: TableStore,
  step: Lookup,
  dtypeOf: (ref: ColumnRef) => DType,
  folder: string,
): Promise<readonly GroupLookup[] | undefined> {
  const refs = step.inputs.input!;
  const kernel = await prepareKernel(step, { folder, models: { describe: refuse, infer: refuse } });
  const groups = step.state!.groups;
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
    const made = (await kernel.run({ input }, { seed: 0n, parameters: new Map() })) as readonly Column[];
    const outputs = made.slice(g * perGroup, (g + 1) * perGroup);
    const table = `merlon_groups_${Buffer.from(step.id).toString("hex")}_${g}`;
    const [only] = keys;
    const dense =
      keys.length === 1 && !only!.validity ? await store.dense?.(table, only!, () => twiceTheLast(outputs)) : undefined;
    found.push(
      dense ? denseGroups(columns, dense, outputs.length) : await joinedGroups(store, table, columns, keys, outputs),
    );
  }
  return found;
}

const denseGroups = (columns: readonly string[], dense: DenseTable, count: number): GroupLookup => ({
  columns,
  find: () => undefined,
  outputs: ([key]) => Array.from({ length: count }, (_, i) => dense.value(i, key!.sql)),
});

/** Null is a key that is not there. */
const twiceTheLast = (outputs: readonly Column[]): readonly DenseColumn[] =>
  outputs.map(col => {
    const values = allocate(col.dtype, col.values.length + 1) as { [i: number]: unknown };
    for (let i = 0; i < col.values.length; i++) values[i] = col.values[i];
    values[col.values.length] = col.values.at(-1);
    const present = presence(col);
    return {
      dtype: col.dtype,
      values: values as unknown as Values,
      validity: Uint8Array.of(...present, present.at(-1)!),
    };
  });

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

const refuse = () => Promise.reject(new RuntimeFault("INTERNAL", "a workflow calls no model."));

const blank = (dtype: DType, rows: Rows): Column => ({
  dtype,
  rows,
  values: allocate(dtype, rows.count),
  validity: new Uint8Array(rows.count),
});

/** A key column with one more row, whose value is none of the others, or null where every value is taken. */
function withUnseen({ dtype, values, validity }: Column, rows: Rows): Column {
  const more = allocate(dtype, rows.count) as { [i: number]: unknown };
  for (let i = 0; i < values.length; i++) more[i] = values[i];
  const present = new Uint8Array(rows.count).fill(1);
  if (validity) present.set(validity);
  const unseen = unseenValue(dtype, values);
  if (unseen === undefined) present[rows.count - 1] = 0;
  else more[rows.count - 1] = unseen;
  return { dtype, rows, values: more as unknown as Values, validity: present };
}

function unseenValue(dtype: DType, values: Values): number | bigint | string | undefined {
  const known = new Set<unknown>(values as readonly unknown[]);
  const { kind, bytes } = datatype(dtype);
  if (kind === "string") return `${(values as readonly string[]).reduce((a, b) => (b.length > a.length ? b : a), "")}?`;
  const isWide = bytes === 8 && kind !== "float";
  const end = kind === "bool" ? 2 : Math.min(known.size + 1, kind === "float" ? 2 ** 24 : 2 ** (8 * bytes - 1));
  for (let i = 0; i < end; i++) if (!known.has(isWide ? BigInt(i) : i)) return isWide ? BigInt(i) : i;
  return undefined;
}

/** A float that is NaN is null. */
export const presence = ({ values, validity }: Pick<Column, "values" | "validity">): Uint8Array =>
  Uint8Array.from({ length: values.length }, (_, i) =>
    validity?.[i] === 0 || (typeof values[i] === "number" && Number.isNaN(values[i])) ? 0 : 1,
  );

function literal(sql: Sql, col: Column, row: number): string {
  if (presence(col)[row] === 0) return "NULL";
  const value = col.values[row]!;
  return datatype(col.dtype).kind === "bool" ? String(value === 1) : sql.constant(value as number, col.dtype);
}
