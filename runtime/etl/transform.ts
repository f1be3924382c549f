/**
 * A fitted workflow and data files → Parquet or Arrow, streamed through DuckDB by the operators' SQL forms, rows in their order.
 */

import { renameSync } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fittedPlan } from "../../contract/any-step.js";
import type { AnyStep, FittedPlan, Plan } from "../../contract/plan.js";
import { subgraphOf } from "../../contract/restrict-plan.js";
import { readsOtherRows, readsRowNumber } from "../../contract/step-facts.js";
import { StagingFolder } from "../../formats/folders/replace-folder.js";
import { readWorkflow } from "../../formats/folders/workflow.js";
import { printMerlinJson } from "../../formats/merlin-schema/merlin-schema.js";
import { invalid, RuntimeFault, refuse } from "../base/errors.js";
import { copyToArrow } from "./arrow-out.js";
import { type ConnectionPool, openPool } from "./connection-pool.js";
import { formatOf } from "./data-formats.js";
import { SCHEMA_KEY } from "./data-schema.js";
import { type DataFiles, type DataSource, findData, openData } from "./data-source.js";
import { type Database, type DatabaseOptions, glob, type OnProgress, openDatabase } from "./database.js";
import { refuseForeign, writeSchemas } from "./fitted-folder.js";
import { type Keep, type KeptColumn, keptColumns } from "./kept-columns.js";
import { columnsRead, type Layers, openLayers } from "./layers.js";
import { locateFault } from "./locate-fault.js";
import { type Lookups, openLookups } from "./lookups.js";
import { didYouMean } from "./nearest-name.js";
import { copyInParallel, IN_STRETCH, stretchesOf, workersOf } from "./parallel-row-groups.js";
import { planQuery } from "./plan-query.js";
import { refuseOverwrite } from "./refuse-overwrite.js";
import { registerHashFunctions } from "./sql/hash-functions.js";
import { identifier, text, texts } from "./sql/literal.js";

export interface TransformOptions extends DatabaseOptions {
  /** Only this named part of the workflow, with the columns that it reads. */
  readonly subgraph?: string | undefined;
  /** Columns of the data to carry along, behind the workflow's own. */
  readonly keep?: Keep;
  /** Splits the rows evenly over this number of files. */
  readonly outFiles?: number;
  /** Puts the rows in a random order, which the seed makes repeatable. */
  readonly shuffle?: { readonly seed: number };
  /** Columns whose values become folders, `day=1/`, as Hive has them. */
  readonly partitionBy?: readonly string[];
}

export interface Transformed {
  readonly rows: number;
  readonly files: readonly string[];
}

/** Says that a folder is a transform's output, which the next one may replace. */
export const MARK = "_merlon.json";

/**
 * Transforms data.
 * @param folder of the fitted workflow
 * @param data path, folder or glob of Parquet, CSV, JSON lines or Arrow files, or several
 * @param out a name that ends in `.parquet` or `.arrow` is one file; else a folder with one file per input file and Merlin's schema files
 * @throws RuntimeFault, PlanError; the previous `out` is then unchanged
 */
export async function transformWorkflow(
  folder: string,
  data: string | readonly string[],
  out: string,
  options: TransformOptions = {},
): Promise<Transformed> {
  const plan = readPart(folder, options.subgraph);
  const keep = keptOf(plan, options.keep);
  const toFile = formatOf(out) === "parquet" || formatOf(out) === "arrow";
  checkLayout(options, plan, keep, toFile, out);
  if (!toFile) refuseForeign(out, MARK, "merlon transform");
  const database = await openDatabase(options);
  let staging: StagingFolder | undefined;
  try {
    await registerHashFunctions(database.connection);
    const found = await findData(database, data);
    refuseOverwrite(found.files, [data].flat(), out);
    const lookups = openLookups(database, folder);
    staging = new StagingFolder(out);
    const job: Job = { database, lookups, plan, keep, onProgress: options.onProgress, done: 0 };
    if (toFile) {
      const file = join(staging.path, "data");
      const statement = await selectFrom(job, found, options.shuffle);
      await (formatOf(out) === "arrow" ? writeArrow(job, statement, file) : writeParquet(job, statement, file));
      await moveFile(file, out, () => database.close());
      return { rows: job.done, files: [out] };
    }
    const names = await writeFolder(job, found, staging.path, options);
    await writeSchemas(
      staging.path,
      plan.outputs.map(output => output.schema),
    );
    await writeFile(join(staging.path, MARK), `${JSON.stringify({ workflow: plan.name, rows: job.done })}\n`);
    staging.replace();
    return { rows: job.done, files: names.map(name => join(out, name)) };
  } catch (error) {
    const found = await findData(database, data).catch(() => undefined);
    throw found ? await locateFault(database, found, columnsRead(plan), error) : error;
  } finally {
    staging?.dispose();
    await database.close();
  }
}

/** @param subgraph a named part of the workflow @throws RuntimeFault, PlanError */
export function readPart(folder: string, subgraph: string | undefined): FittedPlan {
  const plan = readWorkflow(folder);
  if (subgraph === undefined) return plan;
  const part = subgraphOf(plan, subgraph);
  if (part) return fittedPlan(part);
  const known = Object.keys(plan.subgraphs ?? {});
  const has = known.length > 0 ? known.map(name => `\`${name}\``).join(", ") : "none";
  throw invalid(
    `\`--subgraph ${subgraph}\`: \`${folder}\` has no such part; it has ${has}.${didYouMean(subgraph, known)} Name a part with \`subgraph("${subgraph}", node)\` in the workflow, and fit it again.`,
  );
}

interface Job {
  readonly database: Database;
  readonly lookups: Lookups;
  readonly plan: FittedPlan;
  readonly keep: readonly KeptColumn[];
  readonly onProgress: OnProgress | undefined;
  /** Rows written so far. */
  done: number;
  /** Connections for statements side by side, once there are any. */
  pool?: ConnectionPool;
}

/** A statement, and how many rows its data has, where that is known. */
interface Statement {
  readonly sql: string;
  readonly rows: number | undefined;
  /** The one file it reads, where rows do not look at each other, and the statement for a connection that reads a stretch of it. */
  readonly inStretches?: { readonly file: string; readonly sql: string };
}

/** @param firsts number of each file's first row, where the rows are to say which file they are of (`FILE`) */
async function selectFrom(
  job: Job,
  files: DataFiles,
  shuffle: TransformOptions["shuffle"],
  firsts?: readonly number[],
): Promise<Statement> {
  const { database, lookups, plan, keep } = job;
  const columns = columnsRead(plan);
  const kept = keep.map(({ column }) => column);
  const source = await openData(database, files, columns, kept, files.files.length === 1);
  const [file] = files.files;
  const splits =
    files.files.length === 1 && source.place.includes("file_row_number") && !plan.steps.some(readsPlaces) && !shuffle;
  const layers = await openLayers(database, source, columns, lookups, {
    keep: kept,
    only: splits ? IN_STRETCH : undefined,
  });
  const select = [
    ...(await planQuery(layers, lookups, plan)),
    ...keep.map(({ as }, i) => `k${i} AS ${identifier(as)}`),
    ...(firsts ? [`${fileOf({ places: layers.places, format: source.format }, firsts)} AS ${FILE}`] : []),
  ].join(", ");
  const all = `SELECT ${select} FROM ${layers.view}`;
  const sql = `${all}${layers.order}`;
  const inStretches = splits && layers.keepsOrder && { file: file!, sql: all };
  if (!shuffle) return { sql, rows: source.rows, ...(inStretches && { inStretches }) };
  await database.run(`CREATE OR REPLACE TABLE merlon_rows AS ${sql}`, "transforming", report(job, source.rows));
  return { sql: `SELECT * FROM merlon_rows ORDER BY hash(rowid, ${shuffle.seed}), rowid`, rows: source.rows };
}

const readsPlaces = (step: AnyStep): boolean => readsOtherRows(step) || readsRowNumber(step);

const report =
  (job: Job, rows = 0): ((fraction: number) => void) =>
  fraction =>
    job.onProgress?.({
      doing: "transform",
      rows: job.done + Math.round(fraction * rows),
      totalRows: rows > 0 ? job.done + rows : undefined,
    });

/** Each thread holds a row group while it fills it: of many columns in little memory they have to be shorter. */
function parquet({ database, plan, keep }: Job): string {
  const columns = plan.outputs.length + keep.length;
  const room = database.memory / (database.threads * Math.max(1, columns) * 64);
  const rows = Math.min(ROW_GROUP, Math.max(2048, Math.floor(room / 2048) * 2048));
  const schema = printMerlinJson(plan.outputs.map(output => output.schema));
  return `FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${rows}, KV_METADATA {${text(SCHEMA_KEY)}: ${text(schema)}}`;
}

const ROW_GROUP = 122_880;

async function writeParquet(job: Job, { sql, rows, inStretches }: Statement, to: string): Promise<void> {
  const { database } = job;
  const onFraction = report(job, rows);
  await withRoom(database, async () => {
    const layout = parquet(job);
    const copy = (select: string, at: string) => `COPY (${select}) TO ${text(at)} (${layout})`;
    const stretches = inStretches ? await stretchesOf(database, inStretches.file) : [];
    if (!inStretches || stretches.length < 2) return database.run(copy(sql, to), "transforming", onFraction);
    job.pool ??= await openPool(database, workersOf(database));
    await copyInParallel(database, job.pool, stretches, at => copy(inStretches.sql, at), to, onFraction);
  });
  job.done += await countRows(database, text(to));
}

/** Threads work on a row group each, with all its columns: where memory is too small for several, one does the work. */
async function withRoom(database: Database, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const reason = String(((error as Error).cause as Error | undefined)?.message ?? "");
    if (!reason.startsWith("Out of Memory") || database.threads === 1) throw error;
    await database.setThreads(1);
    await work();
  }
}

async function writeArrow(job: Job, { sql, rows }: Statement, to: string): Promise<void> {
  const written = await copyToArrow(job.database, sql, to, report(job, rows));
  job.done += written;
}

async function countRows(database: Database, files: string): Promise<number> {
  const [[rows]] = (await database.rows(
    `SELECT coalesce(sum(num_rows), 0)::DOUBLE FROM parquet_file_metadata(${files})`,
    "counting rows",
  )) as [[number]];
  return rows;
}

export const partName = (i: number): string => `part-${String(i).padStart(5, "0")}.parquet`;

/** One file an input file, or as the options say. */
async function writeFolder(
  job: Job,
  found: DataFiles,
  folder: string,
  { outFiles, shuffle, partitionBy }: TransformOptions,
): Promise<readonly string[]> {
  const { database } = job;
  if (outFiles === undefined && !shuffle && !partitionBy) {
    if (found.format === "parquet" && (await countRows(database, texts(found.files))) === 0)
      throw invalid(`${found.files.map(f => `\`${f}\``).join(", ")}: no rows.`);
    if (job.plan.steps.some(readsPlaces) && found.files.length > 1) return writeTogether(job, found, folder);
    for (const [i, file] of found.files.entries())
      await writeParquet(job, await selectFrom(job, { ...found, files: [file] }, undefined), join(folder, partName(i)));
    return found.files.map((_, i) => partName(i));
  }
  const statement = await selectFrom(job, found, shuffle);
  if (partitionBy) {
    await database.run(
      `COPY (${statement.sql}) TO ${text(folder)} (${parquet(job)}, PARTITION_BY (${partitionBy.map(identifier).join(", ")}), WRITE_PARTITION_COLUMNS true, OVERWRITE_OR_IGNORE true)`,
      "transforming",
      report(job, statement.rows),
    );
    const files = await glob(database, join(folder, "**/*.parquet"));
    job.done += await countRows(database, texts(files));
    return files.map(file => relative(folder, file));
  }
  await database.run(
    `CREATE OR REPLACE TABLE merlon_split AS ${statement.sql}`,
    "transforming",
    report(job, statement.rows),
  );
  const [[total]] = (await database.rows("SELECT count(*)::DOUBLE FROM merlon_split", "counting rows")) as [[number]];
  const parts = outFiles ?? found.files.length;
  const bounds = Array.from({ length: parts + 1 }, (_, i) => Math.floor((total * i) / parts));
  for (let i = 0; i < parts; i++)
    await database.run(
      `COPY (SELECT * FROM merlon_split WHERE rowid >= ${bounds[i]} AND rowid < ${bounds[i + 1]}) TO ${text(join(folder, partName(i)))} (${parquet(job)})`,
      "writing",
    );
  job.done += total;
  return Array.from({ length: parts }, (_, i) => partName(i));
}

/**
 * One output file per input file, for a plan that reads row numbers or other rows. The fit read the rows of all files together, and so does
 * this. With row numbers per file a row would be in another fold than in the fit, and its own target would be in its encoding. A group with
 * rows in two files would become two, and the first row of each file would have no predecessor. A group is written to the file of its first
 * row.
 */
async function writeTogether(job: Job, found: DataFiles, folder: string): Promise<readonly string[]> {
  const { database } = job;
  const firsts = [0];
  for (const file of found.files) {
    const { relation } = await openData(database, { ...found, files: [file] }, columnsRead(job.plan), [], true);
    const [[rows]] = (await database.rows(`SELECT count(*)::DOUBLE FROM ${relation}`, "counting rows")) as [[number]];
    firsts.push(firsts.at(-1)! + rows);
  }
  const { sql, rows } = await selectFrom(job, found, undefined, firsts);
  await database.run(`CREATE OR REPLACE TABLE merlon_split AS ${sql}`, "transforming", report(job, rows));
  for (const i of found.files.keys()) {
    const select = `SELECT * EXCLUDE (${FILE}) FROM merlon_split WHERE ${FILE} = ${i} ORDER BY rowid`;
    await database.run(`COPY (${select}) TO ${text(join(folder, partName(i)))} (${parquet(job)})`, "writing");
  }
  const [[total]] = (await database.rows("SELECT count(*)::DOUBLE FROM merlon_split", "counting rows")) as [[number]];
  job.done += total;
  return found.files.map((_, i) => partName(i));
}

/** Column with the position of each row's file, which is not written. */
const FILE = identifier("merlon file");

/** The position of a row's input file, as SQL; `firsts` has the number of each file's first row, then the number of all rows. */
function fileOf(
  { places, format }: Pick<Layers, "places"> & Pick<DataSource, "format">,
  firsts: readonly number[],
): string {
  if (places.length === 2) return places[0]!;
  // With one place, `row_number()` counts from 1 (Parquet), `rowid` from 0.
  const place = format === "parquet" ? `${places[0]} - 1` : places[0];
  return `len(list_filter(${JSON.stringify(firsts.slice(1))}, first -> first <= ${place}))`;
}

function checkLayout(
  { outFiles, partitionBy }: TransformOptions,
  plan: Plan,
  keep: readonly KeptColumn[],
  toFile: boolean,
  out: string,
): void {
  if (toFile && (outFiles !== undefined || partitionBy))
    refuse(
      `\`${out}\` is one file; \`--out-files\` and \`--partition-by\` write a folder. Give a folder as \`--out\`.`,
    );
  if (outFiles !== undefined && partitionBy)
    refuse("`--out-files` and `--partition-by` do not go together: partitions decide the files.");
  if (outFiles !== undefined && !(Number.isInteger(outFiles) && outFiles >= 1 && outFiles <= 10_000))
    refuse(`\`--out-files\` is a whole number from 1 to 10000. Got ${outFiles}.`);
  const made = [...plan.outputs.map(output => output.schema.name), ...keep.map(({ as }) => as)];
  for (const name of partitionBy ?? [])
    if (!made.includes(name))
      refuse(
        `\`--partition-by ${name}\`: the output has no such column.${didYouMean(name, made)} Carry it along with \`--keep\`.`,
      );
}

/** @throws RuntimeFault naming a column whose name the workflow makes */
export const keptOf = (plan: Plan, keep: Keep = []): readonly KeptColumn[] =>
  keptColumns(
    keep,
    plan.outputs.map(output => output.schema.name),
    "the workflow makes a column",
  );

/** Moves a finished file to its place in one step. `meanwhile` is done while its bytes go to the disk. */
export async function moveFile(from: string, to: string, meanwhile = async (): Promise<void> => {}): Promise<void> {
  const handle = await open(from, "r");
  try {
    await Promise.all([handle.sync(), meanwhile()]);
  } finally {
    await handle.close();
  }
  try {
    renameSync(from, to);
  } catch (error) {
    throw new RuntimeFault(
      "ALREADY_EXISTS",
      `\`${to}\` cannot be written: ${(error as Error).message}. Give another \`--out\`.`,
      { cause: error },
    );
  }
}
