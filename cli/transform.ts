/** `merlon transform WORKFLOW_DIR --data GLOB --out FILE|DIR`: applies a fitted workflow to data. */
import { Command } from "commander";
import { databaseOptions } from "./fit.js";
import { names } from "./names.js";
import { printProgress, summary } from "./progress.js";

interface Options {
  readonly data: string[];
  readonly out: string;
  readonly keep?: string[];
  readonly memoryLimit?: string;
  readonly threads?: string;
}

export const transformCommand = (): Command =>
  new Command("transform")
    .description("apply a fitted workflow to Parquet or CSV, and write Parquet")
    .argument("<workflow>", "folder that `merlon fit` wrote")
    .requiredOption("-d, --data <paths...>", "Parquet or CSV: files, folders or quoted globs")
    .requiredOption("-o, --out <path>", "NAME.parquet for one file; else a folder with one file per input file")
    .option("-k, --keep <columns>", "columns of the data to carry along, separated by commas", names)
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .option("--threads <n>", "how many threads DuckDB may use")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon transform etl/ranking --data 'events/*.parquet' --out train.parquet
  $ merlon transform etl/ranking --data 'events/*.parquet' --out train/ --keep event_time,purchased

Rows stay in their order. A folder gets Merlin's schema files beside the Parquet.`,
    )
    .action(async (workflow: string, options: Options) => {
      const started = performance.now();
      const { transformWorkflow } = await import("../runtime/etl/transform.js");
      const progress = printProgress();
      try {
        const { rows } = await transformWorkflow(workflow, options.data, options.out, {
          ...(options.keep && { keep: options.keep }),
          onProgress: progress.onProgress,
          ...databaseOptions(options),
        });
        progress.stop();
        process.stdout.write(summary(`Transformed to ${options.out}`, rows, performance.now() - started));
      } finally {
        progress.stop();
      }
    });
