/**
 * The learned state of NVTabular's operators (numbers in graph.json, Parquet beside it) → the state of Merlon's steps, and their Arrow
 * files.
 */

import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { columnsReadBy } from "../../../contract/any-step.js";
import { encodings, optionOf } from "../../../contract/categorify-columns.js";
import { parsePathInside, pathInside, resolveInside } from "../../../contract/files/path-inside.js";
import { type AnyStep, type Plan, REQUEST_STEP, type Step } from "../../../contract/plan.js";
import { printVocabulary } from "../../../operators/categorify/kernel-vocabulary.js";
import { printFittedTable } from "../../../operators/shared/kernel/fitted-table.js";
import { DATATYPES, type DType, datatype } from "../../../triton-protos/datatype.js";
import type { Column } from "../../base/columns/table.js";
import { invalid, unsupported } from "../../base/errors.js";
import { type Database, openDatabase } from "../database.js";
import { learnColumnSimilarity, learnJoinExternal, type ReadingFiles } from "../learn-external.js";
import { readAll } from "../read-columns.js";
import { identifier, sqlType, texts } from "../sql/literal.js";

/** A node of the graph, as far as its state requires. */
export interface LearntNode {
  readonly id: number;
  readonly op_params: Readonly<Record<string, unknown>>;
  readonly op_state: Readonly<Record<string, unknown>>;
  /** The folder of its files, relative to the saved workflow. */
  readonly folder: string;
}

export interface ImportFolders {
  /** The saved workflow. */
  readonly from: string;
  /** The program's, which paths in the program are relative to. */
  readonly base: string;
  /** The fitted folder. */
  readonly folder: string;
}

interface Importing extends ImportFolders {
  readonly warn: (text: string) => void;
  readonly database: Database;
  readonly dtypeOf: (step: AnyStep, column: string) => DType;
}

/**
 * @param nodeOf the node from which a step was made
 * @param warn called with a statistic of the original that is kept and is not what a fit learns
 * @returns state by step id, as a fit answers it
 * @throws RuntimeFault naming the file, or the layout of ids that is not read
 */
export async function importStates(
  plan: Plan,
  nodeOf: (step: AnyStep) => LearntNode | undefined,
  folders: ImportFolders,
  warn: (text: string) => void,
): Promise<ReadonlyMap<string, unknown>> {
  const database = await openDatabase();
  const dtypes = new Map(
    [{ id: REQUEST_STEP, outputs: plan.inputs }, ...plan.steps].flatMap(({ id, outputs }) =>
      outputs.map(col => [`${id}\n${col.name}`, col.dtype] as const),
    ),
  );
  const dtypeOf = (step: AnyStep, column: string): DType => {
    const ref = columnsReadBy(step).find(one => one.name === column)!;
    return dtypes.get(`${ref.step}\n${ref.column}`)!;
  };
  const importing: Importing = { ...folders, database, dtypeOf, warn };
  try {
    const states = new Map<string, unknown>();
    for (const step of plan.steps) {
      const node = nodeOf(step);
      const state = node && (await stateOf(importing, step, node));
      if (state !== undefined) states.set(step.id, state);
    }
    return states;
  } finally {
    await database.close();
  }
}

async function stateOf(importing: Importing, step: AnyStep, node: LearntNode): Promise<unknown> {
  const numbers = (name: string) => (node.op_state[name] ?? {}) as Readonly<Record<string, number | null>>;
  const byColumn = (make: (column: string) => object) => ({
    columns: Object.fromEntries(step.inputs.input.map(({ name }) => [name, make(name)])),
  });
  const finite = (name: string, column: string) => {
    const number = numbers(name)[column] ?? 0;
    if (!Number.isFinite(number))
      throw unsupported(
        `node ${node.id} (${step.op}): \`${column}\` had an infinite value when the workflow was fitted (\`${name}\` is ${number}), so that NVTabular answers infinities and NaN. Limit the column before, with \`clip\` for instance, and fit.`,
      );
    return number;
  };
  switch (step.op) {
    case "normalize":
      // A constant's deviation is NaN there; both then only take the mean away.
      return byColumn(c => ({ mean: finite("means", c), std: finite("stds", c) || 0 }));
    case "normalizeMinMax":
      return byColumn(c => ({ min: finite("mins", c), max: finite("maxs", c) }));
    case "fillMedian":
      // Between two integers it is a fraction there, which no null of an integer column can become.
      return byColumn(c => {
        const median = numbers("medians")[c] ?? 0;
        return { median: datatype(importing.dtypeOf(step, c)).kind.endsWith("int") ? Math.floor(median) : median };
      });
    case "categorify":
      return categories(importing, step, node);
    case "targetEncoding":
      return {
        means: Object.fromEntries((step.inputs.target ?? []).map(({ name }) => [name, numbers("means")[name] ?? 0])),
        groups: await groups(importing, step, node, "stats", targetColumns(step, separatorOf(node)), (columns, table) =>
          warnOfNulls(importing, step, node, columns, table),
        ),
      };
    case "joinGroupby":
      return {
        of: (step.inputs.of ?? []).map(({ name }) => ({ name, dtype: importing.dtypeOf(step, name) })),
        groups: await groups(importing, step, node, "categories", joinColumns(step, separatorOf(node))),
      };
    case "valueCount": {
      const counts = (node.op_state.value_counts ?? {}) as Readonly<Record<string, { min: number; max: number }>>;
      return {
        columns: Object.fromEntries(Object.entries(counts).map(([name, { min, max }]) => [name, { min, max }])),
      };
    }
    case "reduceDtypeSize": {
      const dtypes = (node.op_state.dtypes ?? {}) as Readonly<Record<string, string>>;
      return byColumn(c => ({
        dtype: DATATYPES.find(row => row.name === dtypes[c])?.name ?? importing.dtypeOf(step, c),
      }));
    }
    case "dataStats":
      return byColumn(c => described(node.op_state.output, c, importing.dtypeOf(step, c)));
    case "joinExternal":
      return learnJoinExternal(reading(importing, step), step, importing.base);
    case "columnSimilarity":
      return learnColumnSimilarity(reading(importing, step), step, importing.base);
    default:
      return undefined;
  }
}

/** Files that the program names are read as a fit reads them. */
const reading = ({ database, folder, dtypeOf }: Importing, step: AnyStep): ReadingFiles => ({
  files: { run: work => work(database) },
  layers: { find: ref => ({ dtype: dtypeOf(step, ref.name) }) },
  folder,
});

/** A column's statistics of NVTabular's DataStats; what is null there is not known. */
function described(output: unknown, column: string, dtype: DType): object {
  const found = ((output ?? {}) as Readonly<Record<string, Readonly<Record<string, unknown>>>>)[column] ?? {};
  const known = ["cardinality", "min", "max", "mean", "std"].filter(name => typeof found[name] === "number");
  return {
    dtype,
    ...Object.fromEntries(known.map(name => [name, found[name]])),
    perNan: Number(found.per_nan ?? 0),
  };
}

/** Names in the files are joined by `name_sep`. */
const separatorOf = (node: LearntNode): string => String(node.op_params.name_sep ?? "_");

async function categories(importing: Importing, step: Step<"categorify">, node: LearntNode): Promise<unknown> {
  const { database, folder, dtypeOf } = importing;
  await mkdir(join(folder, "categories"), { recursive: true });
  const columns: Record<string, unknown> = {};
  const written = new Map<string, unknown>();
  const encoded = encodings(
    step.params,
    step.inputs.input.map(ref => ref.name),
  );
  for (const { output, columns: parts, vocabulary: name, numBuckets } of encoded) {
    if (!written.has(name)) {
      const group = step.params.groups.find(columns => columns.join("_") === name) ?? [name];
      const theirs = group.join(separatorOf(node));
      const files = filesOf(importing, node, "categories", theirs, step);
      const counts = await countOf(database, files, `${theirs}${separatorOf(node)}size`);
      await checkFirstId(database, files, 2 + optionOf(step.params.numBuckets, name, 1), step);
      const dtypes: DType[] = parts.map(part => dtypeOf(step, part));
      const wanted = parts.length > 1 ? parts : [theirs];
      const read = wanted.map((part, i) => `CAST(${identifier(part)} AS ${sqlType(dtypes[i]!)})`);
      const [...found] = await readAll(
        database.connection,
        `SELECT ${read.join(", ")}, CAST(${counts} AS BIGINT) FROM read_parquet(${texts(files)})`,
        [...dtypes, "int64"],
      );
      const count = found.at(-1)!;
      const bytes =
        parts.length > 1
          ? printFittedTable(
              Object.fromEntries([...parts.map((_, i) => [`key ${i}`, found[i]!] as const), ["count", count]]),
            )
          : printVocabulary({ dtype: dtypes[0]!, values: found[0]!.values, counts: count.values as BigInt64Array });
      const file = pathInside(`categories/unique.${safe(name)}.${safe(step.id)}.arrow`);
      await writeFile(join(folder, file), bytes);
      written.set(name, { vocabulary: file, cardinality: 2 + numBuckets + count.rows.count });
    }
    columns[output] = written.get(name);
  }
  return { columns };
}

/** Vocabularies that were given to NVTabular (`vocabs`) have no column of counts. */
async function countOf(database: Database, files: readonly string[], column: string): Promise<string> {
  const columns = await database.rows(`DESCRIBE SELECT * FROM read_parquet(${texts(files)})`, "reading a vocabulary");
  return columns.some(([name]) => name === column) ? identifier(column) : "0";
}

type GroupStep = Step<"targetEncoding"> | Step<"joinGroupby">;

/** @param valuesOf columns of the table of a group @param onTable called with the table of each */
async function groups(
  importing: Importing,
  step: GroupStep,
  node: LearntNode,
  records: string,
  valuesOf: (group: readonly string[]) => readonly FromColumn[],
  onTable: (columns: readonly string[], table: ReadonlyMap<string, Column>) => void = () => {},
): Promise<unknown> {
  const { database, folder, dtypeOf } = importing;
  await mkdir(join(folder, "tables"), { recursive: true });
  const found: unknown[] = [];
  for (const columns of step.params.groups) {
    const separator = separatorOf(node);
    const name = columns.join(separator);
    const files = filesOf(importing, node, records, name, step);
    const keys = columns.map((column, i) => ({ name: `key ${i}`, from: column, dtype: dtypeOf(step, column) }));
    const all = [...keys, ...valuesOf(columns)];
    const select = all.map(({ from, dtype }) => `CAST(${identifier(from)} AS ${sqlType(dtype)})`).join(", ");
    const table = await readAll(
      database.connection,
      `SELECT ${select} FROM read_parquet(${texts(files)})`,
      all.map(({ dtype }) => dtype),
    );
    onTable(columns, new Map(all.map(({ name }, i) => [name, table[i]!])));
    const file = pathInside(`tables/${safe(step.id)}.${safe(name)}.arrow`);
    await writeFile(
      join(folder, file),
      printFittedTable(Object.fromEntries(all.map((one, i) => [one.name, table[i]!] as const))),
    );
    found.push({ columns, table: file });
  }
  return found;
}

/** NVTabular counts the values of the key. A group of nulls has a sum and no rows, and a code far from the target. */
function warnOfNulls(
  { warn }: Importing,
  { params: { pSmooth }, inputs }: Step<"targetEncoding">,
  node: LearntNode,
  columns: readonly string[],
  table: ReadonlyMap<string, Column>,
): void {
  const means = (node.op_state.means ?? {}) as Readonly<Record<string, number | null>>;
  for (const { name } of inputs.target ?? []) {
    const counts = Array.from(table.get(`count ${name}`)!.values as ArrayLike<bigint>, Number);
    const sums = table.get(`sum ${name}`)!.values as ArrayLike<number>;
    const at = counts.findIndex((count, i) => count === 0 && sums[i] !== 0);
    if (at < 0) continue;
    const code = ((means[name] ?? 0) * pSmooth + sums[at]!) / pSmooth;
    warn(
      `node ${node.id} (TargetEncoding): NVTabular counts no rows for nulls of ${columns.map(name => `\`${name}\``).join(", ")} in the mean of \`${name}\`. A null is encoded as ${Number(code.toPrecision(6))}, here too. \`merlon fit\` counts the rows.`,
    );
  }
}

interface FromColumn {
  readonly name: string;
  /** Its name in NVTabular's file. */
  readonly from: string;
  readonly dtype: DType;
}

const targetColumns = (step: Step<"targetEncoding">, separator: string) => (group: readonly string[]) =>
  (step.inputs.target ?? []).flatMap(({ name }): readonly FromColumn[] => [
    { name: `count ${name}`, from: [...group, "count"].join(separator), dtype: "int64" },
    { name: `sum ${name}`, from: [...group, name, "sum"].join(separator), dtype: "float64" },
  ]);

const joinColumns = (step: Step<"joinGroupby">, separator: string) => (group: readonly string[]) => {
  const stats = step.params.stats;
  const parts = [
    ...(stats.includes("count") ? [[...group, "count"]] : []),
    ...(step.inputs.of ?? []).flatMap(({ name }) =>
      stats.filter(s => s !== "count").map(stat => [...group, name, stat]),
    ),
  ];
  return parts.map((names): FromColumn => {
    const name = names.join("_");
    return { name, from: names.join(separator), dtype: step.outputs.find(col => col.name === name)!.dtype };
  });
};

/** The files of a record, a folder of `part.N.parquet` in the order of N. */
function filesOf(
  { from }: Importing,
  node: LearntNode,
  records: string,
  name: string,
  step: AnyStep,
): readonly string[] {
  const known = (node.op_state[records] ?? []) as readonly { key: readonly string[]; path: string }[];
  const record = known.find(({ key }) => key.join(separatorOf(node)) === name);
  const inside = record && parsePathInside(record.path);
  if (record && !inside)
    throw invalid(
      `node ${node.id} (${step.op}): the path \`${record.path}\` of \`${name}\` leads out of the saved workflow. Save it again.`,
    );
  const path = inside && resolveInside(join(from, node.folder), inside, from);
  if (path === undefined || !existsSync(path))
    throw invalid(
      `node ${node.id} (${step.op}): ${path ?? `the file of \`${name}\``} is missing in the saved workflow. Save it again.`,
    );
  if (!statSync(path).isDirectory()) return [path];
  const part = (file: string) => Number(/(\d+)\.parquet$/.exec(file)?.[1] ?? 0);
  return readdirSync(path)
    .filter(file => file.endsWith(".parquet"))
    .sort((a, b) => part(a) - part(b))
    .map(file => join(path, file));
}

/** Ids of NVTabular before 23.06 begin elsewhere; the file's row index says where. */
async function checkFirstId(
  database: Database,
  files: readonly string[],
  wanted: number,
  step: AnyStep,
): Promise<void> {
  const rows = await database.rows(
    `SELECT decode(value) FROM parquet_kv_metadata(${texts(files.slice(0, 1))}) WHERE decode(key) = 'pandas'`,
    "reading a vocabulary",
  );
  const index =
    rows.length > 0 ? (JSON.parse(String(rows[0]![0])) as { index_columns?: unknown[] }).index_columns?.[0] : undefined;
  const start = typeof index === "object" && index !== null ? (index as { start?: unknown }).start : undefined;
  if (typeof start === "number" && start !== wanted)
    throw unsupported(
      `step \`${step.id}\` (categorify): ids of \`${files[0]}\` begin at ${start}, where NVTabular since 23.06 begins at ${wanted}. Either an older NVTabular wrote it, or another Categorify of the same column, with other buckets, wrote over it. Fit and save the workflow with NVTabular 23.08, with one Categorify a column, or fit it with Merlon.`,
    );
}

const safe = (name: string): string => encodeURIComponent(name).replaceAll("*", "%2A");
