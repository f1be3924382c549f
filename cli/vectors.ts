/** `merlon vectors load` and `info`: fills a vector database from Parquet, and describes it. */
import { basename } from "node:path";
import { Command } from "commander";
import type { LoadVectorsOptions } from "../runtime/etl/load-vectors.js";
import { numberLike } from "./numbers.js";
import { printTable } from "./print-table.js";
import { summary, withProgress } from "./progress.js";

interface LoadFlags extends Omit<LoadVectorsOptions, "onProgress" | "threads"> {
  readonly from: string[];
}

export const vectorsCommand = (): Command =>
  new Command("vectors")
    .description("fill and inspect vector databases, which queryVectors searches")
    .addCommand(loadCommand())
    .addCommand(infoCommand());

const readBatch = numberLike(/^[1-9]\d{0,4}$/, "A whole number from 1 to 99999 is expected.");

const loadCommand = (): Command =>
  new Command("load")
    .description("write ids, embeddings and attributes from Parquet to a vector database")
    .argument("<store>", "file that describes the database (*.vectors.yaml)")
    .requiredOption("--from <paths...>", "Parquet: files, folders or quoted globs")
    .option("--id <column>", "column of unique ids", "item_id")
    .option("--embedding <column>", "column of float lists, all of one length", "embedding")
    .option("--batch <n>", "rows of one call", readBatch, 1000)
    .option("--delete-missing", "remove items that the data does not have")
    .option("--normalize", "bring vectors to length 1")
    .option("--memory-limit <size>", "beyond it, reading spills to disk (4GB)")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon vectors load stores/items.vectors.yaml --from items.parquet
  $ merlon vectors load stores/items.vectors.yaml --from 'export/items-*.parquet' --id sku --delete-missing
A table that is missing is made. Known ids are replaced, so that a load that was interrupted can run again.`,
    )
    .action(async (store: string, flags: LoadFlags) => {
      const started = performance.now();
      const { loadVectors } = await import("../runtime/etl/load-vectors.js");
      const { from, ...options } = flags;
      const done = await withProgress(onProgress => loadVectors(store, from, { ...options, onProgress }));
      process.stdout.write(summary(`${done.isNew ? "Made and loaded" : "Loaded"} ${store}`, done.count, started));
      if (flags.deleteMissing) process.stdout.write(`  ${done.removed.toLocaleString("en-US")} items removed\n`);
    });

const infoCommand = (): Command =>
  new Command("info")
    .description("check a vector database against its file, and print what it holds")
    .argument("<store>", "file that describes the database (*.vectors.yaml)")
    .addHelpText("after", "\nExample:\n  $ merlon vectors info stores/items.vectors.yaml")
    .action(async (file: string) => {
      const { readNamed } = await import("../contract/files/file-fault.js");
      const { readVectorStore } = await import("../formats/vectors/vector-store.js");
      const { openVectorDatabase } = await import("../runtime/stores/databases/open-database.js");
      const store = readNamed("the vector store", file, readVectorStore);
      const database = await openVectorDatabase(store, basename(file));
      try {
        const { server, count, isEstimate, index, attributes } = await database.info();
        process.stdout.write(
          printTable([
            ["server", server],
            [
              "vectors",
              `${isEstimate ? "about " : ""}${count.toLocaleString("en-US")} × ${store.dimension}, ${store.metric}`,
            ],
            ["ids", store.ids],
            ["index", index],
            [
              "attributes",
              Object.entries(attributes)
                .map(([name, dtype]) => `${name}: ${dtype}`)
                .join(", ") || "none",
            ],
          ]),
        );
      } finally {
        await database.close();
      }
    });
