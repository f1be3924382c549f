/** `merlon feast materialize` and `merlon feast get`: writes a Feast repository's online store from Parquet, and reads it. */

import { Command, Option } from "commander";
import { defined } from "../contract/defined.js";
import type { MaterializeOptions } from "../runtime/etl/materialize.js";
import { names } from "./names.js";
import { printTable } from "./print-table.js";
import { withProgress } from "./progress.js";

export const feastCommand = (): Command =>
  new Command("feast")
    .description("write and read the online store of a Feast repository, without Python")
    .addCommand(materializeCommand())
    .addCommand(getCommand());

interface MaterializeFlags extends Omit<MaterializeOptions, "views" | "onProgress" | "threads"> {
  readonly view?: string[];
}

const materializeCommand = (): Command =>
  new Command("materialize")
    .description("write each entity's latest row to the online store (SQLite or Redis), in Feast's bytes")
    .argument("<repository>", "folder of feature_store.yaml, after `feast apply`")
    .option("--view <names>", "views to write, separated by commas (all that are online)", names)
    .option("-d, --data <paths...>", "Parquet or CSV of one view (default: its source)")
    .option("--start <time>", "only rows of this time and later")
    .option("--end <time>", "only rows up to this time")
    .option("--memory-limit <size>", "beyond it, reading spills to disk (4GB)")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon feast materialize features
  $ merlon feast materialize features --view item_features --data 'export/items-*.parquet' --end 2026-01-31T00:00:00Z
A Redis store keeps what is as new as the data, as Feast does. A SQLite store takes each view as a whole or not at all.`,
    )
    .action(async (repository: string, flags: MaterializeFlags) => {
      const started = performance.now();
      const { materialize } = await import("../runtime/etl/materialize.js");
      const { view, ...rest } = flags;
      const done = await withProgress(onProgress =>
        materialize(repository, { ...(view && { views: view }), ...rest, onProgress }),
      );
      for (const { view: name, entities, written } of done)
        process.stdout.write(
          `✔ ${name}: ${written.toLocaleString("en-US")} of ${entities.toLocaleString("en-US")} entities written\n`,
        );
      process.stdout.write(`  in ${((performance.now() - started) / 1000).toFixed(2)} s\n`);
    });

interface GetFlags {
  readonly view?: string[];
  readonly service?: string;
  readonly key: string[];
  readonly features?: string[];
  readonly format: "table" | "json";
}

const getCommand = (): Command =>
  new Command("get")
    .description("read features of entities from the online store")
    .argument("<repository>", "folder of feature_store.yaml")
    .option("--view <names>", "views to read, separated by commas", names)
    .option("--service <name>", "a feature service, instead of views")
    .requiredOption("-k, --key <name=values...>", "join key and comma-separated values (several keys pair by position)")
    .option("--features <names>", "features to read, separated by commas (all)", names)
    .addOption(new Option("--format <name>", "how to print").choices(["table", "json"]).default("table"))
    .addHelpText(
      "after",
      `
Examples:
  $ merlon feast get features --view user_features --key user_id=7,9
  $ merlon feast get features --view pair_features --key user_id=7,7 --key item_id=10,11 --format json
BYTES are printed, and given, as base64. JSON has infinities, and integers beyond 2^53, as text.`,
    )
    .action(async (repository: string, flags: GetFlags) => {
      const { getFeatures } = await import("../runtime/stores/feast/get-features.js");
      const keys = new Map(
        flags.key.map(given => {
          const [name = "", ...rest] = given.split("=");
          return [name, rest.join("=").split(",")] as const;
        }),
      );
      const rows = await getFeatures(repository, {
        keys,
        ...defined({ views: flags.view, service: flags.service, features: flags.features }),
      });
      process.stdout.write(flags.format === "json" ? `${JSON.stringify(rows, exact, 2)}\n` : table(rows));
    });

/** Integers beyond 2^53, and floats without a JSON number, are text, so that they stay exact; protobuf's JSON does the same. */
const exact = (_: string, value: unknown): unknown => {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
};

function table(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const header = Object.keys(rows[0] ?? {});
  const show = (value: unknown): string =>
    Array.isArray(value) ? `[${value.map(show).join(", ")}]` : value === null ? "–" : String(value);
  return printTable([header, ...rows.map(row => header.map(name => show(row[name])))]);
}
