/** `merlon index`: makes FAISS files from Parquet embeddings, describes, searches and changes them. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { Command, Option } from "commander";
import type { ReadDelta } from "../runtime/stores/vectors/delta/read-delta.js";
import { databaseOptions } from "./fit.js";
import { applyCommand } from "./index-apply.js";
import { compactCommand } from "./index-compact.js";
import { followCommand } from "./index-follow.js";
import { searchCommand } from "./index-search.js";
import { summary, withProgress } from "./progress.js";

interface Options {
  readonly data: string[];
  readonly id?: string;
  readonly textId?: string;
  readonly embedding: string;
  readonly factory: string;
  readonly metric: "ip" | "l2" | "cosine";
  readonly out: string;
  readonly nprobe?: string;
  readonly efSearch?: string;
  readonly efConstruction?: string;
  readonly memoryLimit?: string;
}

export const indexCommand = (): Command =>
  new Command("index")
    .description("build, inspect, search and change FAISS index files")
    .addCommand(buildCommand())
    .addCommand(infoCommand())
    .addCommand(searchCommand())
    .addCommand(applyCommand())
    .addCommand(followCommand())
    .addCommand(compactCommand());

const buildCommand = (): Command =>
  new Command("build")
    .description("build a FAISS index from a Parquet column of embeddings")
    .requiredOption("-d, --data <paths...>", "Parquet: files, folders or quoted globs")
    .addOption(new Option("--id <column>", "integer column whose values the index answers with").conflicts("textId"))
    .option("--text-id <column>", "text column for the index's ids (written to FILE.ids.arrow)")
    .requiredOption("--embedding <column>", "column of float lists, all of one length")
    .option(
      "--factory <text>",
      "index kind (`Flat`: all vectors; `IVF32,…`: nearest of 32 lists; `HNSW32,…`: graph; `PQ16`, `SQ8`: codes)",
      "Flat",
    )
    .addOption(
      new Option("--metric <name>", "inner product, squared distance, or cosine (vectors are brought to length 1)")
        .choices(["ip", "l2", "cosine"])
        .default("ip"),
    )
    .option("--nprobe <n>", "IVF: lists per search (8)")
    .option("--ef-search <n>", "HNSW: candidates per search (16)")
    .option("--ef-construction <n>", "HNSW: candidates per insertion (40)")
    .requiredOption("-o, --out <file>", "index file to write")
    .option("--memory-limit <size>", "beyond it, reading spills to disk (4GB)")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon index build --data embeddings.parquet --id item_id --embedding embedding --factory "IVF32,Flat" --metric ip --out index/items.faiss
  $ merlon index build --data embeddings.parquet --id item_id --embedding embedding --factory HNSW32 --ef-construction 200 --ef-search 64 --out index/items.faiss
  $ merlon index build --data embeddings.parquet --text-id sku --embedding embedding --out index/items.faiss
With \`--metric cosine\`, write \`queryFaiss(…, { normalize: true })\` so that distances are cosines too.`,
    )
    .action(async (options: Options) => {
      const started = performance.now();
      const { buildIndex } = await import("../runtime/etl/index-build.js");
      const { textId, embedding, factory, metric } = options;
      const id = options.id ?? textId;
      if (id === undefined) throw new Error("give the column of the ids: `--id` for integers, `--text-id` for texts.");
      const { count, dimension } = await withProgress(onProgress =>
        buildIndex(options.data, options.out, {
          id,
          textIds: textId !== undefined,
          embedding,
          factory,
          metric,
          ...(options.nprobe !== undefined && { nprobe: Number(options.nprobe) }),
          ...(options.efSearch !== undefined && { efSearch: Number(options.efSearch) }),
          ...(options.efConstruction !== undefined && { efConstruction: Number(options.efConstruction) }),
          onProgress,
          ...databaseOptions(options),
        }),
      );
      const what = `Indexed to ${options.out} (${factory}, ${metric}, ${dimension} dimensions)`;
      process.stdout.write(summary(what, count, started));
    });

const infoCommand = (): Command =>
  new Command("info")
    .description("print what a FAISS index file holds")
    .argument("<file>", "*.faiss")
    .addHelpText("after", "\nExample:\n  $ merlon index info index/items.faiss")
    .action(async (file: string) => {
      const { readNamed } = await import("../contract/files/file-fault.js");
      const { readFaissHeaderFile } = await import("../formats/faiss/faiss.js");
      const { readTextIds, textIdsFile } = await import("../formats/faiss/text-ids.js");
      const header = readNamed("the index", file, readFaissHeaderFile);
      const map = textIdsFile(file);
      const isMapped = existsSync(map);
      if (isMapped) readTextIds(map, { index: file, ntotal: header.ntotal });
      const { deltaFile } = await import("../contract/files/delta-path.js");
      const { readDelta } = await import("../runtime/stores/vectors/delta/read-delta.js");
      const delta = await readDelta(deltaFile(file));
      const described = {
        ...header,
        ...(isMapped && { idMap: basename(map) }),
        ...(delta && { delta: describeDelta(deltaFile(file), delta) }),
      };
      process.stdout.write(`${JSON.stringify(described, null, 2)}\n`);
    });

function describeDelta(file: string, { header, contents, end, size }: ReadDelta) {
  const { items, touched, at } = contents;
  return {
    file,
    base: header.base.file,
    upserts: items.size,
    deletions: touched.length - items.size,
    ...(at > 0 && { written: new Date(at).toISOString() }),
    bytes: end,
    /** A change that was not finished: the next writer cuts it off. */
    ...(size > end && { unfinishedBytes: size - end }),
  };
}
