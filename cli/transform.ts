/** `merlon transform WORKFLOW_DIR --data GLOB --out FILE|DIR`: applies a fitted workflow to data. */
import { Command } from "commander";
import { defined } from "../contract/defined.js";
import type { KeptColumn } from "../runtime/etl/kept-columns.js";
import { databaseOptions, type EngineFlags, sparkOptions, withEngine } from "./fit.js";
import { keptNames, names } from "./names.js";
import { summary, withProgress } from "./progress.js";

interface Options extends EngineFlags {
  readonly data: string[];
  readonly out: string;
  readonly subgraph?: string;
  readonly keep?: KeptColumn[];
  readonly outFiles?: string;
  readonly shuffle?: true | string;
  readonly partitionBy?: string[];
}

export const transformCommand = (): Command =>
  withEngine(
    new Command("transform")
      .description("apply a fitted workflow to data, and write Parquet or Arrow")
      .argument("<workflow>", "folder that `merlon fit` wrote")
      .requiredOption("-d, --data <paths...>", "files, folders or globs (Parquet, CSV, JSON lines, Arrow)")
      .requiredOption("-o, --out <path>", "file (NAME.parquet, NAME.arrow), or folder (one file per input file)")
      .option("--subgraph <name>", "named part of the workflow (default: all of it)")
      .option("-k, --keep <columns>", "additional columns of the data (a, or a=b under another name)", keptNames)
      .option("--out-files <n>", "number of output files, of equal size")
      .option("--shuffle [seed]", "random order of the rows, by seed (default 0)")
      .option("--partition-by <columns>", "one folder for each value, as in Hive", names)
      .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
      .option("--threads <n>", "how many threads DuckDB may use"),
  )
    .addHelpText(
      "after",
      `
Examples:
  $ merlon transform etl/ranking --data 'events/*.parquet' --out train.parquet
  $ merlon transform etl/ranking --data 'events/*.parquet' --out train/ --keep event_time,purchased
  $ merlon transform etl/item --data items.parquet --out items_encoded.parquet --keep item_id=item_key
  $ merlon transform etl/shop --subgraph item --data items.parquet --out items_encoded.parquet
  $ merlon transform etl/ranking --data events/ --out train/ --out-files 8 --shuffle 42
  $ merlon transform etl/ranking --data events/ --out train/ --keep day --partition-by day

Rows stay in their order unless they are shuffled. Groups and lags are those of all files together. A folder that is read may have folders in it: \`day=1/\` makes a column. A folder gets Merlin's schema files beside the Parquet.`,
    )
    .action(async (workflow: string, options: Options) => {
      const started = performance.now();
      const { transformWorkflow } = await import("../runtime/etl/transform.js");
      const { data, out, subgraph, keep, outFiles, shuffle, partitionBy } = options;
      const { spark } = sparkOptions(options);
      const { rows } = await withProgress(async onProgress => {
        const chosen = {
          ...defined({ subgraph, keep, partitionBy }),
          ...(outFiles !== undefined && { outFiles: Number(outFiles) }),
          ...(shuffle !== undefined && { shuffle: { seed: seedOf(shuffle) } }),
          onProgress,
          ...databaseOptions(options),
        };
        if (!spark) return transformWorkflow(workflow, data, out, chosen);
        const { transformOnSpark } = await import("../runtime/etl/spark/transform-on-spark.js");
        return transformOnSpark(workflow, data, out, spark, chosen);
      });
      process.stdout.write(summary(`Transformed to ${out}`, rows, started));
    });

function seedOf(given: true | string): number {
  const seed = given === true ? 0 : Number(given);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--shuffle takes a whole number as seed. Got ${given}.`);
  return seed;
}
