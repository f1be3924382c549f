/** `merlon stats DATA`: what data looks like, as a table and as a page, and how far a second set has drifted. */

import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { defined } from "../contract/defined.js";
import { writeNamed } from "../contract/files/file-fault.js";
import type { ColumnStats } from "../runtime/etl/column-stats.js";
import type { DataStats, StatsOptions } from "../runtime/etl/stats.js";
import { type DatabaseFlags, databaseOptions } from "./fit.js";
import { names } from "./names.js";
import { numberLike } from "./numbers.js";
import { printTable } from "./print-table.js";

interface Options extends DatabaseFlags, Pick<StatsOptions, "against" | "columns" | "ids" | "workflow"> {
  readonly failAbove?: number;
  readonly html?: string;
  readonly json?: true;
}

const readPsi = numberLike(/^\d{1,6}(\.\d{1,9})?$/, "A PSI of at least 0 is expected, such as 0.25.");

export const statsCommand = (): Command =>
  new Command("stats")
    .description("show what data looks like, column by column, and compare two sets")
    .argument("<data...>", "files, folders or quoted globs (Parquet, CSV, JSON lines, Arrow)")
    .option("-a, --against <paths...>", "second data set to compare: drift per column (PSI, KS)")
    .option("--columns <names>", "columns to describe (default: all)", names)
    .option("--ids <names>", "integer columns that are ids: compared by value", names)
    .option("--workflow <folder>", "fitted workflow whose vocabularies have the known ids")
    .option("--fail-above <psi>", "exit with 1 if a column drifts further", readPsi)
    .option("--html <file>", "write a page with histograms")
    .option("--json", "print JSON")
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .option("--threads <n>", "how many threads DuckDB may use")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon stats 'events/*.parquet'
  $ merlon stats events/ --html events.html
  $ merlon stats october/ --against november/ --html drift.html
  $ merlon stats train.parquet --against exposures/recommend --workflow etl/ranking --fail-above 0.25

Drift: PSI = Σ (b − a) · ln(b / a). a and b are the shares of the first set's deciles and of null.
For text and ids they are the shares of its 20 most frequent values, of the rest and of null.
Below 0.1 the sets are alike; from 0.25 they are different populations. KS = max |F_a(x) − F_b(x)|, of numbers.
With \`--fail-above\`, columns of unequal types fail too; columns of one set alone are named and do not.`,
    )
    .action(stats);

async function stats(data: string[], options: Options): Promise<void> {
  const { against, columns, ids, workflow, failAbove, html, json } = options;
  if (against === undefined && [ids, workflow, failAbove].some(one => one !== undefined))
    throw new Error("`--ids`, `--workflow` and `--fail-above` are about drift. Name the second set with `--against`.");
  const { dataStats } = await import("../runtime/etl/stats.js");
  const found = await dataStats(data, { ...defined({ against, columns, ids, workflow }), ...databaseOptions(options) });
  if (html !== undefined) {
    const { statsPage } = await import("../runtime/etl/stats-page.js");
    writeNamed(html, path => writeFileSync(path, statsPage(found)));
  }
  process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : await print(found));
  if (html !== undefined && !json) process.stdout.write(`✔ Drawn in ${html}\n`);
  if (failAbove !== undefined) await failOn(found, failAbove);
}

async function failOn({ drift = [] }: DataStats, limit: number): Promise<void> {
  const { largestPsi } = await import("../runtime/etl/drift.js");
  const above = drift.filter(one => !((largestPsi(one) ?? Number.POSITIVE_INFINITY) <= limit));
  if (above.length === 0 && drift.length > 0) return;
  process.exitCode = 1;
  if (drift.length === 0) {
    process.stderr.write("✘ no column is in both sets, so none was compared.\n");
    return;
  }
  const named = above.map(one => `\`${one.name}\` (${largestPsi(one)?.toFixed(3) ?? "other type"})`);
  process.stderr.write(`✘ drift above ${limit}: ${named.join(", ")}.\n`);
}

const print = async (found: DataStats): Promise<string> =>
  found.drift ? (await import("./drift-table.js")).driftTable(found) : table(found);

async function table({ name, rows, columns }: DataStats): Promise<string> {
  const { nullsText, short } = await import("../runtime/etl/stats-page.js");
  const head = ["column", "type", "nulls", "distinct", "min", "median", "mean", "max", "top"];
  const top = ({ top: [first] }: ColumnStats) => (first ? `${first.value.slice(0, 20)} (${short(first.count)})` : "");
  const number = (value: number | undefined) => (value === undefined ? "" : short(value));
  const body = columns.map(col => [
    col.name,
    col.type,
    nullsText(col, rows),
    short(col.cardinality),
    number(col.quantiles?.[0]),
    number(col.quantiles?.[3]),
    number(col.mean),
    number(col.quantiles?.at(-1)),
    top(col),
  ]);
  return `${name}: ${short(rows)} rows\n\n${printTable([head, ...body])}`;
}
