/** `merlon embedding build` and `import`: tables for `queryEmbedding`, from Parquet, HugeCTR's model files or numpy's arrays. */
import { Command } from "commander";
import { type DatabaseFlags, databaseOptions } from "./fit.js";
import { summary, withProgress } from "./progress.js";

interface Options extends DatabaseFlags {
  readonly data: string[];
  readonly id: string;
  readonly embedding: string;
  readonly out: string;
}

interface ImportOptions {
  readonly out: string;
  readonly vectors: string;
  readonly keys?: string;
}

export const embeddingCommand = (): Command =>
  new Command("embedding")
    .description("make embedding tables, which queryEmbedding serves")
    .addCommand(buildTable())
    .addCommand(importTable());

const buildTable = (): Command =>
  new Command("build")
    .description("make an embedding table from a Parquet column of vectors")
    .requiredOption("-d, --data <paths...>", "Parquet: files, folders or quoted globs")
    .requiredOption("--id <column>", "integer column: the keys")
    .requiredOption("--embedding <column>", "column of float lists, all of one length")
    .requiredOption("-o, --out <folder>", "folder to write")
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .addHelpText(
      "after",
      "\nExample:\n  $ merlon embedding build --data embeddings.parquet --id item_id --embedding embedding --out tables/items.embedding",
    )
    .action(async (options: Options) => {
      const started = performance.now();
      const { buildEmbeddingTable } = await import("../runtime/etl/embedding-table.js");
      const { id, embedding } = options;
      const { count, dimension } = await withProgress(onProgress =>
        buildEmbeddingTable(options.data, options.out, { id, embedding, onProgress, ...databaseOptions(options) }),
      );
      process.stdout.write(summary(`Wrote ${options.out} (${dimension} dimensions)`, count, started));
    });

const importTable = (): Command =>
  new Command("import")
    .description("make an embedding table from a sparse model that HugeCTR saved, or from arrays that numpy saved")
    .argument("<path>", "HugeCTR's folder, with the files `key` and `emb_vector`; or an `.npz` file")
    .requiredOption("-o, --out <folder>", "folder to write")
    .option("--vectors <array>", ".npz: matrix of vectors, one per row", "vectors")
    .option("--keys <array>", ".npz: integer key per vector (default: row number)")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon embedding import dcn_0_sparse_2000.model --out tables/dcn.embedding
  $ merlon embedding import items.npz --vectors embeddings --keys item_ids --out tables/items.embedding
  $ merlon embedding import als.npz --vectors item_factors --out tables/als.embedding`,
    )
    .action(async (path: string, options: ImportOptions) => {
      const started = performance.now();
      const { importHugectrTable, importNpzTable } = await import("../runtime/etl/embedding-table.js");
      const { out, vectors, keys } = options;
      const { count, dimension } = path.endsWith(".npz")
        ? importNpzTable(path, out, vectors, keys)
        : importHugectrTable(path, out);
      process.stdout.write(summary(`Wrote ${options.out} (${dimension} dimensions)`, count, started));
    });
