/** `merlon fit FILE --data GLOB --out DIR`: learns what a workflow's operators need to know. */
import { dirname } from "node:path";
import { Command } from "commander";
import { printProgress, summary } from "./progress.js";

interface Options {
  readonly data: string[];
  readonly out: string;
  readonly memoryLimit?: string;
  readonly threads?: string;
  readonly goldenRows: string;
}

export const fitCommand = (): Command =>
  new Command("fit")
    .description("compute a workflow's statistics and vocabularies from data, and write the fitted workflow")
    .argument("<file>", "*.workflow.ts")
    .requiredOption("-d, --data <paths...>", "Parquet, CSV, JSON lines or Arrow: files, folders or quoted globs")
    .requiredOption(
      "-o, --out <folder>",
      "folder of the fitted workflow; one that stands there is replaced in one step",
    )
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .option("--threads <n>", "how many threads DuckDB may use")
    .option("--golden-rows <n>", "rows of the data to keep in the folder for `merlon verify`; 0 for none", "32")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon fit ranking.workflow.ts --data 'events/*.parquet' --out etl/ranking
  $ merlon fit user.workflow.ts --data users.csv --out etl/user --memory-limit 2GB

The same data gives the same folder, byte for byte. After an error or a kill the old folder is still there, and a fit
that was killed goes on where it was, if program and data are the same.
Then: \`merlon transform DIR\` for training data, \`transformWorkflow("DIR")\` in an ensemble.`,
    )
    .action(async (file: string, options: Options) => {
      const started = performance.now();
      const { compileWorkflow, printDiagnostics } = await import("../compiler/index.js");
      const compiled = await compileWorkflow(file);
      process.stderr.write(printDiagnostics(compiled.diagnostics, { color: process.stderr.isTTY === true }));
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
      const progress = printProgress();
      let rows = 0;
      let resumed = 0;
      try {
        await writeFittedWorkflow(options.out, async folder => {
          const fitted = await fitWorkflow(compiled.plan, options.data, {
            folder,
            journal: journalOf(options.out),
            base: dirname(file),
            refine: compiled.withState,
            goldenRows: Number(options.goldenRows),
            onProgress: progress.onProgress,
            ...databaseOptions(options),
          });
          rows = fitted.rows;
          resumed = fitted.resumed;
          return compiled.withState(fitted.states);
        });
        removeJournal(options.out);
      } finally {
        progress.stop();
      }
      if (resumed > 0)
        process.stdout.write(
          `  went on where a fit of the same program and data had been stopped: ${resumed} parts of it were done\n`,
        );
      process.stdout.write(
        summary(`Fitted ${compiled.plan.name} to ${options.out}`, rows, performance.now() - started),
      );
    });

/** The options every data command shares, as the runtime takes them. */
export const databaseOptions = ({
  memoryLimit,
  threads,
}: Pick<Options, "memoryLimit" | "threads">): { memoryLimit?: string; threads?: number } => ({
  ...(memoryLimit !== undefined && { memoryLimit }),
  ...(threads !== undefined && { threads: Number(threads) }),
});
