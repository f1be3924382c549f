/**
 * The fitted state of `merlon fit`, made available to DuckDB in the fastest way for the column. For columns whose distinct values Parquet
 * lists it is a function that runs the kernel's own code. Otherwise it is a table for a join, by counting if it has integers of a small
 * range. Tables that do not fit into memory are replaced by functions.
 */
import { join } from "node:path";
import { encodings } from "../../contract/categorify-columns.js";
import { learntOf } from "../../contract/learnt-columns.js";
import type { OpKind } from "../../contract/op-params.js";
import type { ColumnRef, Fitted, FittedStep } from "../../contract/plan.js";
import { readsRowNumber } from "../../contract/step-facts.js";
import { readVocabulary, type Vocabulary } from "../../operators/categorify/kernel-vocabulary.js";
import { idLayout } from "../../operators/categorify/sql.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { type Values, widened } from "../base/columns/table.js";
import { indexValues, type ValueIndex } from "../base/columns/value-index.js";
import { registerColumnFunction } from "./column-function.js";
import type { Database } from "./database.js";
import { type DenseColumn, denseBytes, denseRange, loadDense } from "./dense-table.js";
import { placesInFile } from "./few-places.js";
import { registerFile } from "./file-lookup.js";
import { duckdbStore, type GroupLookup, type GroupStep, loadGroups } from "./group-lookup.js";
import { loadTable } from "./load-table.js";
import { readAll } from "./read-columns.js";
import { duckdbSql } from "./sql/duckdb-dialect.js";
import { registerExpressions } from "./sql/expression-functions.js";
import { registerKernel } from "./sql/kernel-function.js";
import { sqlType } from "./sql/literal.js";
import type { SqlColumn } from "./sql/sql-column.js";
import type { NamedColumn, SqlContext } from "./sql/sql-form.js";
import { hex, valuesTable } from "./vocabulary-table.js";

/** How the ids of a scalar column are found. */
export type IdLookup =
  | { readonly kind: "function"; readonly name: string }
  /** Column `id`. */
  | { readonly kind: "dense"; readonly find: Awaited<ReturnType<typeof loadDense>> }
  /** Columns `value` and `id`; null is a value. */
  | { readonly kind: "table"; readonly table: string };

/** The columns that there are, in a view. */
export interface ColumnsInView {
  readonly view: string;
  find(ref: Pick<ColumnRef, "step" | "column">): SqlColumn | undefined;
}

export interface Lookups {
  readonly places: SqlContext["places"];
  id(stepId: string, column: NamedColumn): IdLookup;
  groups(stepId: string): readonly GroupLookup[] | undefined;
  /** Makes known what fitted steps look up, for the columns that the layers have. */
  add(steps: readonly FittedStep[], layers: ColumnsInView): Promise<void>;
}

/** A dictionary of Parquet's holds no more. */
const DICTIONARY = 20_000;

/** Memory of a join beside its rows: blocks for its partitions. */
const JOIN = 4_000_000;

/**
 * @param folder that artefacts are in
 * @param size for a few rows only the part of a vocabulary that they need is made known
 */
export function openLookups(database: Database, folder: string, size: "any rows" | "few rows" = "any rows"): Lookups {
  const ids = new Map<string, IdLookup>();
  const groups = new Map<string, readonly GroupLookup[]>();
  const known = new Set<string>();
  const once = async (key: string, work: () => Promise<void>) => {
    if (known.has(key)) return;
    known.add(key);
    await work();
  };
  return {
    places: placesOf,
    id: (stepId, column) => ids.get(idKey(stepId, column))!,
    groups: stepId => groups.get(stepId),
    async add(steps, layers) {
      for (const step of steps) {
        const dtypeOf = (ref: Parameters<ColumnsInView["find"]>[0]) => layers.find(ref)!.dtype;
        const inputs = step.inputs.input.map(ref => layers.find(ref)!);
        registerExpressions(database.connection, step, inputs);
        const define = definerOf(step);
        await define?.(step, { database, folder, size, layers, dtypeOf, inputs, ids, groups, once });
      }
    },
  };
}

/** The state while a step's tables and functions are made. */
interface Defining {
  readonly database: Database;
  readonly folder: string;
  readonly size: "any rows" | "few rows";
  readonly layers: ColumnsInView;
  readonly dtypeOf: (ref: ColumnRef) => DType;
  /** Columns at the port `input`. */
  readonly inputs: readonly SqlColumn[];
  readonly ids: Map<string, IdLookup>;
  readonly groups: Map<string, readonly GroupLookup[]>;
  once(key: string, work: () => Promise<void>): Promise<void>;
}

type Define<K extends OpKind> = (step: Fitted<K>, defining: Defining) => Promise<void>;

const defineKernel: Define<OpKind> = (step, { database, dtypeOf, folder, once }) =>
  once(step.id, () => registerKernel(database, step as FittedStep, dtypeOf, folder));

const defineVocabularies: Define<"categorify"> = async (step, { database, folder, size, layers, ids, once }) => {
  const columns = step.inputs.input.map(ref => ({ ...layers.find(ref)!, name: ref.name }));
  const few = size === "few rows" ? await fewValues(database, layers.view, columns) : undefined;
  for (const [i, column] of columns.entries())
    await once(idKey(step.id, column), async () => {
      const place: VocabularyPlace = { step, column, folder };
      if (column.list) await definePlaces(database, place);
      else ids.set(idKey(step.id, column), await defineIds(database, place, few?.[i]));
    });
};

function defineGroups(step: GroupStep, defining: Defining): Promise<void> {
  const { database, folder, size, dtypeOf, inputs, groups, once } = defining;
  // Called once per distinct value, or for few rows, the kernel is the fastest.
  const isCheap = size === "few rows" || (inputs.length === 1 && inputs[0]!.dictionary === true);
  if (isCheap) return defineKernel(step, defining);
  return once(step.id, async () => {
    const found = await loadGroups(duckdbStore(database), step, dtypeOf, folder);
    if (found) groups.set(step.id, found);
    else await registerKernel(database, step, dtypeOf, folder);
  });
}

const DEFINE: { readonly [K in OpKind]?: Define<K> } = {
  categorify: (step, defining) =>
    (step.params.encodeType === "combo" ? defineKernel : defineVocabularies)(step, defining),
  columnSimilarity: defineKernel,
  joinExternal: (step, { database, dtypeOf, folder, once }) =>
    once(step.id, () => registerFile(database, step, dtypeOf, folder)),
  joinGroupby: defineGroups,
  targetEncoding: defineGroups,
};

/** How a step's tables and functions are made; undefined for one that needs none. No table has the number of a row. */
const definerOf = (step: FittedStep): Define<OpKind> | undefined =>
  readsRowNumber(step) ? defineKernel : (DEFINE[step.op] as Define<OpKind> | undefined);

const idKey = (stepId: string, { name, dictionary }: NamedColumn): string =>
  `${stepId}\n${name}${dictionary ? "\ndictionary" : ""}`;

interface VocabularyPlace {
  readonly step: Fitted<"categorify">;
  readonly column: NamedColumn;
  readonly folder: string;
}

const fileOf = ({ step, column, folder }: VocabularyPlace): string =>
  join(folder, learntOf(step, column.name).vocabulary);
const readOf = (place: VocabularyPlace): Vocabulary => readVocabulary(fileOf(place));

/** Ids from `known` on by place; a single bucket's id is that of every unknown value. */
interface Layout {
  readonly nullId: number;
  readonly unknown: number | undefined;
  readonly known: number;
  readonly dtype: "int32" | "int64";
}

/** @param few the only values that are looked up; else all of the vocabulary are */
async function defineIds(database: Database, place: VocabularyPlace, few: Values | undefined): Promise<IdLookup> {
  const { step, column } = place;
  const { cardinality } = learntOf(step, column.name);
  const { numBuckets } = encodings(step.params, [column.name])[0]!;
  const { nullId, first, known } = idLayout(step, column.name, numBuckets);
  const layout: Layout = { nullId, unknown: numBuckets === 1 ? first : undefined, known, dtype: step.params.outDtype };
  const name = `merlon_ids_${hex(step.id, column.name)}${column.dictionary ? "_d" : ""}`;
  if (few) return defineFunction(database, name, column.dtype, placesInFile(fileOf(place), few), layout);
  if (column.dictionary && cardinality <= DICTIONARY)
    return defineFunction(database, name, column.dtype, indexValues(readOf(place).values), layout);
  const isInteger = ["int", "uint"].includes(datatype(column.dtype).kind);
  const values = isInteger ? readOf(place).values : undefined;
  const range = values && denseRange(column.dtype, values);
  if (values && range && database.reserve(denseBytes(range, 1)))
    return { kind: "dense", find: await loadDense(database, name, values, range, [idColumn(values, layout)]) };
  if (!database.reserve(JOIN + cardinality * (column.dtype === "string" ? 160 : 80)))
    return defineFunction(database, name, column.dtype, indexValues(values ?? readOf(place).values), layout);
  const source = await valuesIn(database, place);
  const id = (of: string) => `CAST(${of} AS ${sqlType(layout.dtype)})`;
  await database.run(
    `CREATE OR REPLACE TABLE ${name} AS SELECT c0 AS value, ${id(`rowid + ${known}`)} AS id FROM ${source}
     UNION ALL SELECT CAST(NULL AS ${sqlType(column.dtype)}), ${id(String(nullId))}`,
    `preparing the vocabulary of column \`${column.name}\``,
  );
  return { kind: "table", table: name };
}

/** The values of a view's scalar columns, by one statement; undefined for a list. */
async function fewValues(
  { connection }: Database,
  view: string,
  columns: readonly SqlColumn[],
): Promise<readonly (Values | undefined)[]> {
  const scalars = columns.filter(({ list }) => !list);
  if (scalars.length === 0) return [];
  const statement = `SELECT ${scalars.map(({ sql }) => sql).join(", ")} FROM ${view}`;
  const found = await readAll(
    connection,
    statement,
    scalars.map(({ dtype }) => dtype),
  );
  return columns.map(column => found[scalars.indexOf(column)]?.values);
}

function idColumn({ length }: Values, { nullId, unknown, known, dtype }: Layout): DenseColumn {
  const ids = new Int32Array(length + 2);
  for (let i = 0; i < length; i++) ids[i] = known + i;
  ids[length] = nullId;
  ids[length + 1] = unknown ?? 0;
  const validity = unknown === undefined ? new Uint8Array(length + 2).fill(1, 0, length + 1) : undefined;
  return { name: "id", dtype, values: dtype === "int32" ? ids : widened(ids), ...(validity && { validity }) };
}

function defineFunction(
  { connection }: Database,
  name: string,
  dtype: DType,
  places: ValueIndex,
  { nullId, unknown, known, dtype: output }: Layout,
): IdLookup {
  registerColumnFunction(connection, {
    name,
    inputs: [dtype],
    output,
    run([col]) {
      const { values, validity } = col!;
      const found = places(values);
      const isFloat = datatype(dtype).kind === "float";
      const present = unknown === undefined && found.includes(-1) ? new Uint8Array(found.length).fill(1) : undefined;
      for (let i = 0; i < found.length; i++) {
        const isNull = validity?.[i] === 0 || (isFloat && Number.isNaN(values[i]));
        if (!isNull && found[i]! < 0 && present) present[i] = 0;
        found[i] = isNull ? nullId : found[i]! < 0 ? (unknown ?? 0) : known + found[i]!;
      }
      return {
        values: output === "int32" ? found : widened(found),
        ...(present && { validity: present }),
      };
    },
  });
  return { kind: "function", name };
}

/** The table with the vocabulary's values, in order; a fit has it already. */
async function valuesIn(database: Database, place: VocabularyPlace): Promise<string> {
  const table = valuesTable(place.step.id, place.column.name);
  if (database.tables.has(table)) return table;
  const { values } = readOf(place);
  await loadTable(database, table, [{ name: "c0", dtype: place.column.dtype, values }], values.length);
  database.tables.add(table);
  return table;
}

/** For items of lists, which no join reaches. For text it makes an enum type, whose casts are native and parallel. */
async function definePlaces(database: Database, place: VocabularyPlace): Promise<void> {
  const { step, column } = place;
  const name = placeName(step.id, column.name);
  if (column.dtype === "string") {
    await database.run(
      `CREATE TYPE ${name} AS ENUM (SELECT c0 FROM ${await valuesIn(database, place)} ORDER BY rowid)`,
      `preparing the vocabulary of column \`${column.name}\``,
    );
    return;
  }
  const places = indexValues(readOf(place).values);
  registerColumnFunction(database.connection, {
    name,
    inputs: [column.dtype],
    output: "int32",
    run: ([col]) => ({ values: places(col!.values) }),
  });
}

/** See `SqlContext.places`. */
const placesOf: SqlContext["places"] = (stepId, { name, dtype, sql }) =>
  duckdbSql.map(sql, item =>
    dtype === "string"
      ? `enum_code(TRY_CAST(${item} AS ${placeName(stepId, name)}))`
      : `nullif(${placeName(stepId, name)}(${item}), -1)`,
  );

/** Names in SQL differ by more than case, whatever is in them. */
const placeName = (stepId: string, column: string): string => `merlon_place_${hex(stepId, column)}`;
