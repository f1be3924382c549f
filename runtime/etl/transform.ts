/**
 * A fitted workflow and Parquet or CSV files -> Parquet, streamed through DuckDB by the operators' SQL forms, rows in their order.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { replaceFolder, stagingFolder } from "../../triton-protos/artefacts/replace-folder.js";
import { readWorkflow } from "../../triton-protos/artefacts/workflow.js";
import type { Plan } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import { type DataFiles, findData, openData } from "./data-source.js";
import { type Database, type DatabaseOptions, type OnProgress, openDatabase } from "./database.js";
import { refuseForeign, writeSchemas } from "./fitted-folder.js";
import { layPlan } from "./lay-plan.js";
import { columnFinder, columnsRead, openLayers } from "./layers.js";
import { type Lookups, openLookups } from "./lookups.js";
import { registerHashFunctions } from "./sql/hash-functions.js";
import { identifier, text } from "./sql/literal.js";

export interface TransformOptions extends DatabaseOptions {
  /** Columns of the data to carry along, behind the workflow's own. */
  readonly keep?: readonly string[];
  readonly onProgress?: OnProgress;
}

export interface Transformed {
  readonly rows: number;
  readonly files: readonly string[];
}

/** Says that a folder is a transform's output, which the next one may replace. */
const MARK = "_merlon.json";

/**
 * Transforms data.
 * @param folder of the fitted workflow
 * @param data path, folder or glob of Parquet or CSV files, or several
 * @param out a name that ends in `.parquet` is one file; else a folder with one file per input file and Merlin's schema files
 * @throws RuntimeFault, PlanError; what stood at `out` is then untouched
 */
export async function transformWorkflow(
  folder: string,
  data: string | readonly string[],
  out: string,
  options: TransformOptions = {},
): Promise<Transformed> {
  const plan = readWorkflow(folder);
  const keep = checkKeep(plan, options.keep ?? []);
  const toFile = /\.parquet$/i.test(out);
  if (!toFile) refuseForeign(out, MARK, "merlon transform");
  const database = await openDatabase(options);
  let staging: string | undefined;
  try {
    await registerHashFunctions(database.connection);
    const found = await findData(database, data);
    refuseOverwrite(found, out);
    const lookups = openLookups(database, folder);
    await lookups.add(plan.steps, columnFinder(plan));
    staging = stagingFolder(out);
    const job: Job = { database, lookups, plan, keep, onProgress: options.onProgress, done: 0 };
    if (toFile) {
      const file = join(staging, "data.parquet");
      await transformFiles(job, found, file);
      moveFile(file, out);
      return { rows: job.done, files: [out] };
    }
    const names = found.files.map((_, i) => `part-${String(i).padStart(5, "0")}.parquet`);
    for (const [i, file] of found.files.entries())
      await transformFiles(job, { ...found, files: [file] }, join(staging, names[i]!));
    await writeSchemas(
      staging,
      plan.outputs.map(output => output.schema),
    );
    await writeFile(join(staging, MARK), `${JSON.stringify({ workflow: plan.name, rows: job.done })}\n`);
    replaceFolder(staging, out);
    return { rows: job.done, files: names.map(name => join(out, name)) };
  } finally {
    if (staging !== undefined) rmSync(staging, { recursive: true, force: true });
    await database.close();
  }
}

interface Job {
  readonly database: Database;
  readonly lookups: Lookups;
  readonly plan: Plan;
  readonly keep: readonly string[];
  readonly onProgress: OnProgress | undefined;
  /** Rows written so far. */
  done: number;
}

async function transformFiles(job: Job, files: DataFiles, to: string): Promise<void> {
  const { database, lookups, plan, keep } = job;
  const columns = columnsRead(plan);
  const source = await openData(database, files, columns, keep);
  const layers = await openLayers(database, source, columns, lookups, keep);
  const select = [...(await layPlan(layers, plan)), ...keep.map((name, i) => `k${i} AS ${identifier(name)}`)];
  const total = source.rows === undefined ? undefined : job.done + source.rows;
  const report = (fraction: number) =>
    job.onProgress?.({
      doing: "transform",
      rows: job.done + Math.round(fraction * (source.rows ?? 0)),
      totalRows: total,
    });
  await database.run(
    `COPY (SELECT ${select.join(", ")} FROM ${layers.view}${layers.order}) TO ${text(to)} (FORMAT parquet, COMPRESSION snappy)`,
    "transforming",
    report,
  );
  const [[rows]] = (await database.rows(
    `SELECT num_rows::DOUBLE FROM parquet_file_metadata(${text(to)})`,
    "counting rows",
  )) as [[number]];
  job.done += rows;
}

function checkKeep(plan: Plan, keep: readonly string[]): readonly string[] {
  for (const name of keep)
    if (plan.outputs.some(output => output.schema.name === name))
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `column \`${name}\` cannot be kept: the workflow makes a column of that name. Rename one of them.`,
      );
  return [...new Set(keep)];
}

function refuseOverwrite({ files }: DataFiles, out: string): void {
  const target = resolve(out);
  const inside = files.find(file => resolve(file) === target || dirname(resolve(file)) === target);
  if (inside !== undefined)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `\`${inside}\` is read and \`${out}\` would replace it. Give another \`--out\`.`,
    );
}

/** Moves a finished file to its place in one step. */
export function moveFile(from: string, to: string): void {
  const handle = openSync(from, "r");
  fsyncSync(handle);
  closeSync(handle);
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
