/** `merlon stats DATA`: what data looks like, as a table and as a page, and how far a second set has drifted. */
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { writeNamed } from "../contract/files/file-fault.js";
import type { ColumnStats } from "../runtime/etl/column-stats.js";
import type { DataStats } from "../runtime/etl/stats.js";
import { databaseOptions } from "./fit.js";

interface Options {
  readonly against?: string[];
  readonly html?: string;
  readonly json?: true;
  readonly memoryLimit?: string;
  readonly threads?: string;
}

export const statsCommand = (): Command =>
  new Command("stats")
    .description("show what data looks like, column by column, and compare two sets")
    .argument("<data...>", "files, folders or quoted globs (Parquet, CSV, JSON lines, Arrow)")
    .option("-a, --against <paths...>", "second data set to compare: drift per column (PSI, KS)")
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

Drift: PSI = Σ (b − a) · ln(b / a). a and b are the shares of the first set's deciles and of null.
For text they are the shares of its 20 most frequent values, of the rest and of null.
Below 0.1 the sets are alike; from 0.25 they are different populations. KS = max |F_a(x) − F_b(x)|, of numbers.`,
    )
    .action(async (data: string[], options: Options) => {
      const { dataStats } = await import("../runtime/etl/stats.js");
      const stats = await dataStats(data, {
        ...(options.against && { against: options.against }),
        ...databaseOptions(options),
      });
      if (options.html !== undefined) {
        const { statsPage } = await import("../runtime/etl/stats-page.js");
        writeNamed(options.html, path => writeFileSync(path, statsPage(stats)));
      }
      process.stdout.write(options.json ? `${JSON.stringify(stats, null, 2)}\n` : await table(stats));
      if (options.html !== undefined && !options.json) process.stdout.write(`✔ Drawn in ${options.html}\n`);
    });

async function table({ name, rows, columns, against, drift }: DataStats): Promise<string> {
  const { short } = await import("../runtime/etl/stats-page.js");
  const head = [
    "column",
    "type",
    "nulls",
    "distinct",
    "min",
    "median",
    "mean",
    "max",
    "top",
    ...(drift ? ["PSI", "KS", "drift"] : []),
  ];
  const top = ({ top: [first] }: ColumnStats) => (first ? `${first.value.slice(0, 20)} (${short(first.count)})` : "");
  const body = columns.map(col => {
    const number = (value: number | undefined) => (value === undefined ? "" : short(value));
    const moved = drift?.find(one => one.name === col.name);
    return [
      col.name,
      col.type,
      `${Number(((100 * col.nulls) / rows).toPrecision(3))} %`,
      short(col.cardinality),
      number(col.quantiles?.[0]),
      number(col.quantiles?.[3]),
      number(col.mean),
      number(col.quantiles?.at(-1)),
      top(col),
      ...(drift
        ? [moved?.psi?.toFixed(3) ?? "", moved?.ks?.toFixed(3) ?? "", moved?.verdict ?? "only in the first"]
        : []),
    ];
  });
  const widths = head.map((title, c) => Math.max(title.length, ...body.map(row => row[c]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, c) => cell.padEnd(widths[c]!))
      .join("  ")
      .trimEnd();
  const beside = against ? `, beside ${against.name}: ${short(against.rows)} rows` : "";
  return `${[`${name}: ${short(rows)} rows${beside}`, "", line(head), ...body.map(line)].join("\n")}\n`;
}
