/** `merlon verify WORKFLOW_DIR [--against GLOB]`: does a fitted workflow still answer as it did, online as offline? With a log, a model. */
import { Command, Option } from "commander";
import { type DatabaseFlags, databaseOptions } from "./fit.js";
import { readRows } from "./numbers.js";
import { readHistory, readTolerance, verifyLog } from "./verify-exposures.js";

interface Options extends DatabaseFlags {
  readonly against?: string[];
  readonly exposures?: string[];
  readonly history?: ReadonlyMap<string, readonly string[]>;
  readonly tolerance?: number;
  readonly json?: true;
  readonly rows: number;
}

export const verifyCommand = (): Command =>
  new Command("verify")
    .description("check a fitted workflow, or a served model against its exposure log")
    .argument("<folder>", "folder that `merlon fit` wrote; with --exposures, a model's folder in a repository")
    .option("-a, --against <paths...>", "data to run through SQL and server code")
    .addOption(new Option("--exposures <paths...>", "exposure log of the model").conflicts("against"))
    .option("--history <view=paths>", "history of a feature view; repeatable", readHistory)
    .option("--tolerance <share>", "relative tolerance for logged floats (default 1e-5)", readTolerance)
    .option("--json", "print JSON, with --exposures")
    .option("--rows <n>", "number of rows, spread over the data", readRows, 10_000)
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .option("--threads <n>", "how many threads DuckDB may use")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon verify etl/ranking
  $ merlon verify etl/ranking --against 'events/*.parquet' --rows 100000
  $ merlon verify model-repo/recommend --exposures exposures/recommend --history item_features=history/items.parquet

\`merlon fit\` stores golden rows and their transformed values in the folder. They run through the code that serves.
The first column, row and operator that differ are printed, and the exit status is then 1 (for CI). A server does the same as it loads (\`--verify-workflows\`).
With \`--exposures\`, logged columns are computed again from the logged columns above them, and compared.`,
    )
    .action(async (workflow: string, options: Options) => {
      if (options.exposures) return verifyExposures(workflow, options.exposures, options);
      const stray = (["history", "tolerance", "json"] as const).find(name => options[name] !== undefined);
      if (stray) throw new Error(`\`--${stray}\` is for an exposure log. Name it with \`--exposures\`.`);
      const [{ verifyWorkflow }, { sayDifference }] = await Promise.all([
        import("../runtime/etl/verify.js"),
        import("../runtime/engine/golden/replay.js"),
      ]);
      const found = await verifyWorkflow(workflow, {
        ...(options.against && { against: options.against }),
        rows: options.rows,
        ...databaseOptions(options),
      });
      const { difference } = found;
      if (difference) {
        const otherwise =
          difference.in === "data"
            ? "serving differs from transform"
            : "the golden rows differ from those stored at the fit";
        process.stderr.write(`✘ ${workflow}: ${otherwise}: ${sayDifference(difference)}.\n`);
        process.exitCode = 1;
        return;
      }
      const golden = found.golden === undefined ? "no golden rows" : `${found.golden} golden rows`;
      const compared = options.against
        ? `, ${found.compared.toLocaleString("en-US")} rows of data equal both ways`
        : "";
      process.stdout.write(`✔ ${workflow}: checksums, ${golden}${compared}\n`);
    });

const verifyExposures = (model: string, data: readonly string[], options: Options): Promise<void> =>
  verifyLog(model, data, {
    json: options.json ?? false,
    rows: options.rows,
    ...(options.history && { history: options.history }),
    ...(options.tolerance !== undefined && { tolerance: options.tolerance }),
    ...databaseOptions(options),
  });
