/** `merlon verify WORKFLOW_DIR [--against GLOB]`: does a fitted workflow still answer as it did, online as offline? */
import { Command } from "commander";
import { databaseOptions } from "./fit.js";

interface Options {
  readonly against?: string[];
  readonly rows: string;
  readonly memoryLimit?: string;
  readonly threads?: string;
}

export const verifyCommand = (): Command =>
  new Command("verify")
    .description("check a fitted workflow: checksums, its golden rows, and on data whether serving equals transform")
    .argument("<workflow>", "folder that `merlon fit` wrote")
    .option("-a, --against <paths...>", "data to run through SQL and server code")
    .option("--rows <n>", "number of rows, spread over the data", "10000")
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .option("--threads <n>", "how many threads DuckDB may use")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon verify etl/ranking
  $ merlon verify etl/ranking --against 'events/*.parquet' --rows 100000

\`merlon fit\` stores golden rows and their transformed values in the folder. They run through the code that serves.
The first column, row and operator that differ are printed, and the exit status is then 1 (for CI). A server does the same as it loads (\`--verify-workflows\`).`,
    )
    .action(async (workflow: string, options: Options) => {
      const [{ verifyWorkflow }, { sayDifference }] = await Promise.all([
        import("../runtime/etl/verify.js"),
        import("../runtime/engine/golden/replay.js"),
      ]);
      const found = await verifyWorkflow(workflow, {
        ...(options.against && { against: options.against }),
        rows: Number(options.rows),
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
