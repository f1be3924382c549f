#!/usr/bin/env node
/**
 * The example's own command: makes or loads events, and derives feature tables and the Feast repository from them.
 */
import { Command } from "commander";
import { writeFeatureStore } from "./feast.js";
import { makeFeatures } from "./features.js";
import { generate } from "./generate.js";
import { makeInteractions } from "./interactions.js";
import { badRowsMessage, loadEvents } from "./load.js";

const say = (line: string) => process.stdout.write(`${line}\n`);
const number = (n: number) => n.toLocaleString("en-US");
const positive = (text: string): number => {
  if (!(Number(text) > 0)) throw new Error(`\`${text}\` is no number above 0. Give one, such as 1 or 0.1.`);
  return Number(text);
};

const integer = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`\`${text}\` is not an integer. Give one, such as 2019.`);
  return Number(text);
};

const program = new Command("shop").description(
  "Events of the example shop: made or loaded, then turned into features.",
);

program
  .command("generate")
  .description("write monthly event files in the published format of the REES46 data set")
  .requiredOption("--out <folder>", "where the CSV files go")
  .option("--scale <factor>", "1 is 1,200 customers, 900 products and some 85,000 events", positive, 1)
  .option("--seed <integer>", "the same seed and scale give the same files", integer, 2019)
  .action(({ out, scale, seed }: { out: string; scale: number; seed: number }) => {
    const made = generate({ folder: out, scale, seed });
    say(
      `${number(made.events)} events of ${number(made.customers)} customers and ${number(made.products)} products in ${made.files.length} files`,
    );
  });

program
  .command("load")
  .description("read event files, generated or downloaded, into one Parquet file")
  .argument("<files...>", "CSV files with the published columns")
  .requiredOption("--out <file>", "Parquet file to write")
  .option("--strict", "refuse everything when one row is bad")
  .action(async (files: string[], options: { out: string; strict?: boolean }) => {
    const { rows, bad } = await loadEvents({ files, ...options });
    say(`${number(rows)} events`);
    if (bad.length > 0) process.stderr.write(`Left out ${badRowsMessage(bad)}`);
  });

program
  .command("features")
  .description("derive users, items, ranking and retrieval tables")
  .argument("<events>", "Parquet file made by `load`")
  .requiredOption("--out <folder>", "where the tables go")
  .action(async (events: string, { out }: { out: string }) => {
    const { rows } = await makeFeatures(events, out);
    say(
      Object.entries(rows)
        .map(([table, count]) => `${number(count)} ${table}`)
        .join(", "),
    );
  });

program
  .command("interactions")
  .description("derive pairs of customers and products, and sessions")
  .argument("<events>", "Parquet file made by `load`")
  .requiredOption("--out <folder>", "folder made by `features`")
  .action(async (events: string, { out }: { out: string }) => {
    const { rows } = await makeInteractions(events, out);
    say(
      Object.entries(rows)
        .map(([table, count]) => `${number(count)} ${table}`)
        .join(", "),
    );
  });

program
  .command("store")
  .description("put users and items into a Feast repository with a SQLite online store")
  .argument("<tables>", "folder made by `features`")
  .requiredOption("--out <folder>", "the repository")
  .action(async (tables: string, { out }: { out: string }) => {
    const { users, items } = await writeFeatureStore(tables, out);
    say(`${number(users)} customers and ${number(items)} products`);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`shop: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
