/**
 * An unfitted workflow plan and data → the state of every step that learns. Statistics of one depth are taken together; steps further
 * down see the columns as the steps before them make them.
 */
import type { Json } from "@duckdb/node-api";
import { columnsReadBy, fittedPlan, fittedStep } from "../../contract/any-step.js";
import { type FittedOpKind, isFittedOp, type OpState } from "../../contract/op-state.js";
import type { AnyStep, FittedStep, Plan, Step } from "../../contract/plan.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import { invalid } from "../base/errors.js";
import { loadArrow } from "./arrow-data.js";
import { openPool } from "./connection-pool.js";
import { type DataSource, findData, openData } from "./data-source.js";
import { type Database, type DatabaseOptions, openDatabase } from "./database.js";
import type { Engine } from "./engine.js";
import { FRONT, openGolden } from "./fit-golden.js";
import { NO_JOURNAL, openJournal } from "./fit-journal.js";
import { columnsRead, nextWave, openLayers } from "./layers.js";
import { learnerOf, learnsFromNulls } from "./learners.js";
import type { Learning } from "./learning.js";
import { locateFault } from "./locate-fault.js";
import { type Lookups, openLookups } from "./lookups.js";
import { type Also, type Asked, findMoments, type Moments, type MomentsFound, refuseInfinite } from "./moments.js";
import { borrowSpark, type SparkOptions, type SparkSession } from "./spark/session.js";
import { exchangeFile, sparkEngine } from "./spark/spark-engine.js";
import { sparkLookups } from "./spark/spark-lookups.js";
import { findSparkData, openSparkData, refuseOnSpark } from "./spark/spark-source.js";
import type { Sql } from "./sql/dialect.js";
import { registerHashFunctions } from "./sql/hash-functions.js";
import { declaredType } from "./sql/source-column.js";
import type { SqlColumn } from "./sql/sql-column.js";
import { STATE_FROM_MOMENTS } from "./state-from-moments.js";

export interface FitOptions extends DatabaseOptions {
  /** The folder of vocabulary files, under `categories/`. */
  readonly folder: string;
  /** Folder that the files which operators name are relative to; the program's. @default the working directory */
  readonly base?: string;
  /** The plan again, with the state so far: it may decide the dtypes, shapes and columns of the next steps. */
  readonly refine?: (states: ReadonlyMap<string, OpState[FittedOpKind]>) => Plan;
  /** Runs the statements on Spark; DuckDB then only reads small files and the golden rows. */
  readonly spark?: SparkOptions | SparkSession;
  /** Folder in which work that is done survives a kill; see `journalOf`. Without it a killed fit begins anew. */
  readonly journal?: string;
  /** How many golden rows to keep in the folder; they need `refine`. @default 32 */
  readonly goldenRows?: number;
}

const GOLDEN_ROWS = 32;
export interface Fitted {
  readonly states: ReadonlyMap<string, OpState[FittedOpKind]>;
  readonly rows: number;
  /** Pieces of work that an earlier run, which was killed, had done. */
  readonly resumed: number;
  /** Facts about the data that the person who fits should know. */
  readonly notes: readonly string[];
}

/**
 * Learns what a plan's steps need to know.
 * @param plan a workflow; existing states are learned anew
 * @param data path, folder or glob of Parquet or CSV files, or several
 * @throws RuntimeFault naming file, column or step; the folder then holds nothing of use
 */
export async function fitWorkflow(plan: Plan, data: string | readonly string[], options: FitOptions): Promise<Fitted> {
  if (options.spark) refuseOnSpark(plan);
  const database = await openDatabase(options);
  let journal = NO_JOURNAL;
  let session: SparkSession | undefined;
  try {
    await registerHashFunctions(database.connection);
    const columns = columnsRead(plan);
    const pool = await openPool(database, database.threads);
    if (options.spark) session = await borrowSpark(options.spark);
    const place = session
      ? await onSpark(database, session, data, columns, options)
      : await onDuckDB(database, data, columns, options);
    const { source, lookups, engine } = place;
    if (options.journal !== undefined && !session)
      journal = openJournal(options.journal, options.folder, plan, source.files);
    const layers = await openLayers(engine, source, columns, lookups, { byDictionary: true });
    const wanted = options.refine ? (options.goldenRows ?? GOLDEN_ROWS) : 0;
    const { folder } = options;
    const rowsOf = { source, columns, front: place.front, isWhole: !session };
    const golden = wanted > 0 ? openGolden({ database, pool, folder, wanted, ...rowsOf }) : undefined;
    const needed: readonly AnyStep[] = stepsForLearning(plan.steps);
    const readAgain = new Set(needed.flatMap(readBy));
    const notes: string[] = [];
    const fit: Fit = {
      note: text => notes.push(text),
      // Spark's session runs one statement at a time.
      ...(golden && !session && { pick: golden.pick }),
      database,
      threads: database.threads,
      layers,
      files: pool,
      engines: session ? { run: work => work(engine) } : pool,
      journal,
      options,
      totalRows: source.rows,
      isReadAgain: ({ id }) => readAgain.has(id),
      states: new Map(),
      vocabularies: new Set(),
      rows: 0,
    };
    let rest = needed;
    while (rest.length > 0) {
      const ready = nextWave(layers, rest, step => isFittedOp(step.op));
      const learning = ready.filter(step => isFittedOp(step.op));
      if (learning.length > 0) await learn(fit, learning);
      rest = rest.filter(step => !ready.includes(step));
      const refined = learning.length > 0 && rest.length > 0 ? options.refine?.(fit.states) : undefined;
      const again = (steps: readonly AnyStep[]) =>
        refined ? steps.flatMap(step => refined.steps.find(one => one.id === step.id) ?? []) : steps;
      rest = stepsForLearning(again(rest));
      const read = new Set(rest.flatMap(readBy));
      const fitted = again(ready)
        .filter(({ id }) => read.has(id))
        .map(step => withState(step, fit.states.get(step.id)));
      if (fitted.length === 0) continue;
      await database.setThreads(fit.threads);
      await lookups.add(fitted, layers);
      await layers.add(fitted);
    }
    if (fit.states.size === 0) await countRows(fit);
    const made = options.refine?.(fit.states);
    if (made?.outputs.length === 0)
      throw invalid(
        "the fitted workflow has no columns: `dropLowCardinality` drops all of them, since none has as many ids in this data. Lower its `minCardinality`, or add a column that stays.",
      );
    if (made && golden) await golden.write(fittedPlan(made));
    return { states: fit.states, rows: fit.rows, resumed: journal.resumed, notes };
  } catch (error) {
    journal.forget();
    if (session) throw error;
    const found = await findData(database, data).catch(() => undefined);
    throw found ? await locateFault(database, found, columnsRead(plan), error) : error;
  } finally {
    await session?.close();
    await database.close();
  }
}

/** The connection of a fit's statements. */
interface Place {
  readonly source: DataSource;
  readonly lookups: Lookups;
  readonly engine: Engine;
  /** Name of a view in DuckDB that begins with the data's first rows. */
  front(): Promise<string>;
}

/** A footer of many columns and row groups takes a megabyte. */
const CACHED_FOOTERS = 64;

async function onDuckDB(
  database: Database,
  data: string | readonly string[],
  columns: readonly ColumnSchema[],
  { folder }: FitOptions,
): Promise<Place> {
  const found = await findData(database, data);
  // Each statement would read the footers of the files anew.
  if (found.files.length <= CACHED_FOOTERS) await database.connection.run("SET GLOBAL parquet_metadata_cache = true");
  const source = await openData(database, found, columns);
  return { source, lookups: openLookups(database, folder), engine: database, front: async () => "merlon_0" };
}

async function onSpark(
  database: Database,
  session: SparkSession,
  data: string | readonly string[],
  columns: readonly ColumnSchema[],
  { folder }: FitOptions,
): Promise<Place> {
  const source = await openSparkData(session, await findSparkData(database, session, data), columns);
  return {
    source,
    lookups: sparkLookups(session, folder),
    engine: sparkEngine(session),
    async front() {
      const file = exchangeFile(session);
      const names = columns.map((_, i) => `c${i}`);
      const select = names.join(", ") || "1 AS nothing";
      const sql = `SELECT ${select} FROM merlon_0 ORDER BY r0, r1 LIMIT ${FRONT}`;
      await session.ask({ do: "arrow", sql, to: file }, "taking golden rows");
      await loadArrow(database, "merlon_front", [file], new Map(columns.map((col, i) => [`c${i}`, declaredType(col)])));
      return "merlon_front";
    },
  };
}

interface Fit extends Omit<Learning, "folder"> {
  /** Takes the golden rows, beside other work. */
  readonly pick?: () => Promise<void>;
  readonly database: Database;
  /** Threads that the machine has for statements of any order of rows. */
  readonly threads: number;
  readonly options: FitOptions;
  readonly states: Map<string, OpState[FittedOpKind]>;
  /** Vocabulary files written so far. */
  readonly vocabularies: Set<string>;
  rows: number;
}

/** The steps that learn, and those they depend on. */
function stepsForLearning(steps: readonly AnyStep[]): readonly AnyStep[] {
  const needed = new Set<string>();
  return steps
    .toReversed()
    .filter(step => {
      const isNeeded = isFittedOp(step.op) || needed.has(step.id);
      if (isNeeded) for (const id of readBy(step)) needed.add(id);
      return isNeeded;
    })
    .toReversed();
}

const readBy = (step: AnyStep): readonly string[] => columnsReadBy(step).map(ref => ref.step);

const withState = (step: AnyStep, state: OpState[FittedOpKind] | undefined): FittedStep =>
  fittedStep(state === undefined ? step : ({ ...step, state } as AnyStep));

/**
 * One depth. Counts and moments of every column are one statement; beside it go the vocabularies and the tables of groups, one statement
 * each. A statement that sums floats must use one thread, so that its sums are reproducible. Statements therefore use one thread each, and
 * as many run in parallel as the machine has threads. Vocabularies are counts, which are equal with any number of threads: if there is less
 * work than threads, they run last, with all threads.
 */
async function learn(fit: Fit, steps: readonly AnyStep[]): Promise<void> {
  const { database, threads } = fit;
  const counting = steps.filter(step => learnerOf(step)?.onlyCounts);
  const others = steps.filter(step => !counting.includes(step));
  const pieces = steps.reduce((sum, step) => sum + step.inputs.input.length, 0);
  await database.setThreads(1);
  const first = Promise.all([
    learnMoments(fit, steps),
    // Data that cannot be read fails a statement of the steps, too: its message is the better one.
    fit.pick?.().catch(() => undefined),
    ...others.map(step => learnStep(fit, step)),
  ]);
  if (pieces >= threads) await Promise.all([first, ...counting.map(step => learnStep(fit, step))]);
  else {
    await first;
    await database.setThreads(threads);
    for (const step of counting) await learnStep(fit, step);
  }
}

async function learnMoments(fit: Fit, steps: readonly AnyStep[]): Promise<void> {
  const { layers, journal } = fit;
  const counted = steps.filter(step => !learnsFromNulls(step) || STATE_FROM_MOMENTS[step.op as FittedOpKind]);
  const columns = counted.flatMap(step =>
    step.inputs.input.map(ref => ({
      step,
      name: ref.name,
      ...asked(step, layers.find(ref)!, layers.sql),
    })),
  );
  const unit = `moments of ${columns.map(({ step, name }) => `${step.id}.${name}`).join(", ")}`;
  const find = (engine: Engine) => findMoments(engine, layers.view, columns, report(fit, "statistics"));
  const found = await journal.remember(unit, [], () => fit.engines.run(find) as Promise<MomentsFound & Json>);
  fit.rows = found.rows;
  if (found.rows === 0) throw invalid("the data has no rows. There is nothing to learn from.");
  for (const [i, { step, name }] of columns.entries()) checkMoments(step, name, found.moments[i]!);
  for (const step of counted) {
    const fromMoments = STATE_FROM_MOMENTS[step.op as FittedOpKind];
    if (!fromMoments) continue;
    const mine = columns.flatMap((one, i) => (one.step === step ? [{ ...one, moments: found.moments[i]! }] : []));
    const learnt = mine.map(({ name, moments, source }) => [name, fromMoments.keep(moments, source)]);
    fit.states.set(step.id, { columns: Object.fromEntries(learnt) });
  }
}

async function learnStep(fit: Fit, step: AnyStep): Promise<void> {
  const learner = learnerOf(step);
  if (!learner) return;
  const { folder, base = "." } = fit.options;
  const learning = { ...fit, folder, base, report: (what: string) => report(fit, what) };
  fit.states.set(step.id, await learner.learn(learning, step as Step<FittedOpKind>));
}

/** The statistics that a step needs of a column, which may be of something made from it. */
function asked(step: AnyStep, source: SqlColumn, sql: Sql): Asked & { readonly source: SqlColumn } {
  const from = STATE_FROM_MOMENTS[step.op as FittedOpKind];
  const column = from?.of?.(source, sql) ?? source;
  return {
    withMoments: from?.withMoments ?? false,
    ...(from?.also && { also: alsoOf(from.also, column) }),
    column,
    source,
  };
}

/** Text has no extremes. */
const alsoOf = (also: readonly Also[], { dtype }: SqlColumn): readonly Also[] =>
  ["string", "bool"].includes(datatype(dtype).kind) ? [] : also;

function checkMoments(step: AnyStep, name: string, { count, infinite }: Moments): void {
  const what = `step \`${step.id}\` (${step.op}): column \`${name}\``;
  // A key that is always null is still a key.
  if (count === 0 && !learnsFromNulls(step) && !STATE_FROM_MOMENTS[step.op as FittedOpKind]?.empty)
    throw invalid(
      `${what} is null in every row of the data, so there is nothing to learn. Put \`fillMissing\` before it, or leave the column out.`,
    );
  if (STATE_FROM_MOMENTS[step.op as FittedOpKind]?.finite) refuseInfinite(what, infinite);
}

async function countRows(fit: Fit): Promise<void> {
  const { rows } = await fit.engines.run(engine => findMoments(engine, fit.layers.view, [], report(fit, "rows")));
  if (rows === 0) throw invalid("the data has no rows. There is nothing to learn from.");
  fit.rows = rows;
}

function report(fit: Pick<Fit, "options" | "totalRows" | "rows">, doing: string): (fraction: number) => void {
  return fraction => {
    const totalRows = fit.totalRows ?? (fit.rows || undefined);
    fit.options.onProgress?.({ doing, rows: Math.round(fraction * (totalRows ?? 0)), totalRows });
  };
}
