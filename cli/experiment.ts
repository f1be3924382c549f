/** `merlon experiment report ROWS --arms control,treatment`: compares the arms of an experiment on joined rows. */
import { Command, InvalidArgumentError } from "commander";
import type { ExperimentOptions, ExperimentReport } from "../runtime/evaluation/experiment/report.js";
import { type DatabaseFlags, databaseOptions } from "./fit.js";
import { names } from "./names.js";
import { readLevel, readRows } from "./numbers.js";
import { printTable } from "./print-table.js";

interface Options extends DatabaseFlags, Omit<ExperimentOptions, keyof DatabaseFlags> {
  readonly json?: true;
}

const readWeights = (text: string): readonly number[] =>
  names(text).map(one => {
    if (!/^\d{1,9}(\.\d{1,9})?$/.test(one)) throw new InvalidArgumentError("Numbers are expected, such as 0.9,0.1.");
    return Number(one);
  });

export const experimentCommand = (): Command =>
  new Command("experiment").description("compare the arms of an experiment").addCommand(reportCommand());

const reportCommand = (): Command =>
  new Command("report")
    .description("compare rewards per request of arms, with intervals and a verdict")
    .argument("<rows...>", "joined rows: files, folders or quoted globs")
    .requiredOption("--arms <names>", "arms, the control first (control,treatment)", names)
    .option("--metric <column>", "numeric column to compare", "reward")
    .option("--unit <column>", "key of the split (default: each request)")
    .option("--weights <numbers>", "weights of the arms (default: equal)", readWeights)
    .option("--level <share>", "level of the intervals", readLevel, 0.95)
    .option("--horizon <n>", "units at which the sequential interval is narrowest", readRows, 10_000)
    .option("--json", "print JSON")
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .option("--threads <n>", "how many threads DuckDB may use")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon experiment report joined.parquet --arms control,treatment --weights 0.9,0.1 --unit user_id
  $ merlon experiment report joined/ --arms control,a,b --metric label --json

The confidence sequence may be read every day; the experiment may end when it excludes 0.
Welch's interval counts only at one look that was planned.`,
    )
    .action(report);

async function report(rows: string[], options: Options): Promise<void> {
  const { experimentReport, experimentTables } = await import("../runtime/evaluation/experiment/report.js");
  const { json, memoryLimit: _, threads: __, ...rest } = options;
  const made = await experimentReport(rows, { ...rest, ...databaseOptions(options) });
  if (json) process.stdout.write(`${JSON.stringify(made, null, 2)}\n`);
  else process.stdout.write(`${experimentTables(made).map(printTable).join("\n")}\n${verdict(made)}`);
}

function verdict({ comparisons, warnings }: ExperimentReport): string {
  const lines = comparisons.map(({ outcome, sentence }) => `${outcome === "not reliable" ? "✘" : "✔"} ${sentence}\n`);
  return `${lines.join("")}${warnings.map(warning => `  ! ${warning}.\n`).join("")}`;
}
