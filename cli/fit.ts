/** `merlon fit FILE --data GLOB --out DIR`: learns what a workflow's operators need to know. */

import { dirname, resolve } from "node:path";
import { Command, Option } from "commander";
import { wantsColor } from "../contract/wants-color.js";
import type { SparkOptions } from "../runtime/etl/spark/session.js";
import { summary, withProgress } from "./progress.js";

export interface DatabaseFlags {
  readonly memoryLimit?: string;
  readonly threads?: string;
}

/** Those of `withEngine`, and of the database of this process. */
export interface EngineFlags extends DatabaseFlags {
  readonly engine: string;
  readonly sparkMaster?: string;
  readonly sparkConf?: string[];
  readonly sparkPython?: string;
}

interface Options extends EngineFlags {
  readonly data: string[];
  readonly out: string;
  readonly goldenRows: string;
}

export const fitCommand = (): Command =>
  withEngine(
    new Command("fit")
      .description("compute a workflow's statistics and vocabularies from data, and write the fitted workflow")
      .argument("<file>", "*.workflow.ts or *.merlon")
      .requiredOption("-d, --data <paths...>", "files, folders or quoted globs (Parquet, CSV, JSON lines, Arrow)")
      .requiredOption("-o, --out <folder>", "folder of the fitted workflow (an existing one is replaced atomically)")
      .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
      .option("--threads <n>", "how many threads DuckDB may use")
      .option("--golden-rows <n>", "golden rows to keep for `merlon verify` (0 for none)", "32"),
  )
    .addHelpText(
      "after",
      `
Examples:
  $ merlon fit ranking.workflow.ts --data 'events/*.parquet' --out etl/ranking
  $ merlon fit user.workflow.ts --data users.csv --out etl/user --memory-limit 2GB
  $ merlon fit ranking.workflow.ts --data 's3a://events/' --out etl/ranking --engine spark --spark-master yarn

The same data gives the same folder, byte for byte. After an error or a kill the old folder is unchanged.
A fit that was killed resumes if program and data are the same.
Then: \`merlon transform DIR\` for training data, \`transformWorkflow("DIR")\` in an ensemble.`,
    )
    .action(fit);

async function fit(file: string, options: Options): Promise<void> {
  const started = performance.now();
  const { compileWorkflow, printDiagnostics } = await import("../compiler/index.js");
  const compiled = await compileWorkflow(file);
  process.stderr.write(printDiagnostics(compiled.diagnostics, { color: wantsColor(process.stderr) }));
  if (!compiled.ok) {
    process.exitCode = 1;
    return;
  }
  if (compiled.plan.kind !== "workflow")
    throw new Error(`${file} is an ensemble, which has nothing to fit: build it with \`merlon build ${file}\`.`);
  const [{ fitWorkflow }, { writeFittedWorkflow }, { journalOf, removeJournal }] = await Promise.all([
    import("../runtime/etl/fit.js"),
    import("../runtime/etl/fitted-folder.js"),
    import("../runtime/etl/fit-journal.js"),
  ]);
  let rows = 0;
  let resumed = 0;
  let notes: readonly string[] = [];
  const program = { file: resolve(file), texts: compiled.texts, plan: compiled.plan };
  await withProgress(onProgress =>
    writeFittedWorkflow(
      options.out,
      async folder => {
        const fitted = await fitWorkflow(compiled.plan, options.data, {
          folder,
          journal: journalOf(options.out),
          base: dirname(file),
          refine: compiled.withState,
          goldenRows: Number(options.goldenRows),
          onProgress,
          ...databaseOptions(options),
          ...sparkOptions(options),
        });
        rows = fitted.rows;
        ({ resumed, notes } = fitted);
        return compiled.withState(fitted.states);
      },
      program,
    ),
  );
  removeJournal(options.out);
  if (resumed > 0)
    process.stdout.write(
      `  resumed a fit of the same program and data: ${resumed} of its parts ${resumed === 1 ? "was" : "were"} done\n`,
    );
  process.stdout.write(summary(`Fitted ${compiled.plan.name} to ${options.out}`, rows, started));
  for (const note of notes) process.stdout.write(`  ! ${note}.\n`);
}

/** The options every data command shares, as the runtime takes them. */
export const databaseOptions = ({
  memoryLimit,
  threads,
}: DatabaseFlags): { memoryLimit?: string; threads?: number } => ({
  ...(memoryLimit !== undefined && { memoryLimit }),
  ...(threads !== undefined && { threads: Number(threads) }),
});

/** Adds the options of a command that may run on Spark. @returns the same command */
export const withEngine = (command: Command): Command =>
  command
    .addOption(
      new Option("--engine <name>", "SQL engine: DuckDB in this process, or Spark")
        .choices(["duckdb", "spark"])
        .default("duckdb"),
    )
    .option(
      "--spark-master <url>",
      "Spark master (local[4], yarn, spark://host:7077; default: SPARK_MASTER, else local[*])",
    )
    .option("--spark-conf <settings...>", "Spark's configuration, as spark.executor.memory=8g")
    .option(
      "--spark-python <file>",
      "Python with pyspark, pandas and pyarrow (default: MERLON_SPARK_PYTHON, else python3)",
    );

/** The connection to Spark, if `--engine spark` selects it. */
export function sparkOptions({ engine, sparkMaster, sparkConf = [], sparkPython }: EngineFlags): {
  spark?: SparkOptions;
} {
  if (engine !== "spark") {
    const given = sparkMaster ?? sparkConf[0] ?? sparkPython;
    if (given !== undefined) throw new Error(`\`${given}\` is for Spark. Add \`--engine spark\`.`);
    return {};
  }
  const odd = sparkConf.find(one => !/^[^=]+=/.test(one));
  if (odd !== undefined) throw new Error(`--spark-conf takes NAME=VALUE. Got ${odd}.`);
  const conf = Object.fromEntries(
    sparkConf.map(one => [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)]),
  );
  const python = sparkPython ?? process.env.MERLON_SPARK_PYTHON;
  return { spark: { master: sparkMaster ?? process.env.SPARK_MASTER ?? "local[*]", conf, ...(python && { python }) } };
}
