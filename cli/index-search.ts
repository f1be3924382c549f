/** `merlon index search`: searches a FAISS file, and measures cost and recall of its parameters. */
import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import type { WhereOptions } from "./index-where.js";

interface Options extends Partial<WhereOptions> {
  readonly data?: string[];
  readonly embedding?: string;
  readonly query?: string;
  readonly topk: string;
  readonly nprobe?: string;
  readonly efSearch?: string;
  readonly limit: string;
  readonly recall?: boolean;
  readonly exact?: string;
  readonly html?: string;
  readonly base?: boolean;
}

export const searchCommand = (): Command =>
  new Command("search")
    .description("find the nearest of an index; with --recall, measure it against exact search")
    .argument("<index>", "*.faiss, or a model with one, such as model-repo/NAME")
    .option("-d, --data <paths...>", "Parquet or CSV with query vectors")
    .option("--embedding <column>", "column of the query vectors", "embedding")
    .option("--query <numbers>", "one query, as numbers separated by commas")
    .option("-k, --topk <n>", "how many to find", "10")
    .option("--nprobe <n>", "IVF: lists per search (default: the file's)")
    .option("--ef-search <n>", "HNSW: candidates per search (default: the file's)")
    .option("--limit <n>", "queries to take from the data", "1000")
    .option("--base", "search the base, without the changes of `merlon index apply`")
    .option("--recall", "chart of recall and time (over nprobe or efSearch)")
    .option("--exact <file>", "Flat index of the same vectors, for comparison")
    .option("--html <file>", "write the chart as a page too")
    .option("--where <condition>", "measure a filtered search, of `item` and `user`")
    .option("--attributes <file>", "Parquet or Arrow file of the items' attributes")
    .option("--key <column>", "column of its ids (default: item_id)")
    .option("--user <json>", "values of `user` in the condition")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon index search index/items.faiss --query 0.1,0.7,-0.2,0.4 --topk 5
  $ merlon index search index/items.faiss --data queries.parquet --embedding query --recall --html recall.html
  $ merlon index search index/items.faiss --data queries.parquet --embedding query --attributes items.parquet --where 'item.stock > 0 && item.country === user.country' --user '{"country":"de"}'`,
    )
    .action(async (path: string, options: Options) => {
      const { findIndex } = await import("../runtime/etl/delta/open-index-delta.js");
      const { openChangedIndex } = await import("../runtime/etl/delta/search-changed.js");
      const { currentBase } = await import("../formats/delta/delta-base.js");
      const { readFaissHeaderFile, searchedBy } = await import("../formats/faiss/faiss.js");
      const index = findIndex(path);
      const file = currentBase(index);
      const header = readFaissHeaderFile(file);
      const topk = whole("topk", options.topk);
      const queries = await readQueries(options, header.dimension);
      const { longRow } = await import("../runtime/stores/vectors/unit-length.js");
      const odd = longRow(queries, header.dimension, header.longestQuery);
      if (odd >= 0)
        throw new Error(
          `query ${odd} (from 0) is longer than ${header.longestQuery.toPrecision(3)} or not finite: float32 can not hold its distances. Leave it out.`,
        );
      const parameters = {
        ...(options.nprobe !== undefined && { nprobe: whole("nprobe", options.nprobe) }),
        ...(options.efSearch !== undefined && { efSearch: whole("ef-search", options.efSearch) }),
      };
      if ((options.where !== undefined || options.recall) && !options.base) await noteChanges(index);
      if (options.where !== undefined) {
        const { searchWhere } = await import("./index-where.js");
        const { where } = options;
        process.stdout.write(await searchWhere(file, queries, topk, parameters, { ...options, where }));
        return;
      }
      if (options.recall) {
        const { measureRecall } = await import("../runtime/etl/measure-recall.js");
        const { recallLines, recallPage } = await import("./recall-chart.js");
        const points = await measureRecall(file, queries, {
          topk,
          ...(options.exact !== undefined && { exact: options.exact }),
          ...(Object.keys(parameters).length > 0 && { tries: [parameters] }),
        });
        const { nprobe, efSearch } = searchedBy(header);
        process.stdout.write(recallLines(points, topk, process.stdout.columns, { nprobe, efSearch }));
        if (options.html !== undefined) await writeFile(options.html, recallPage(points, topk, file));
        return;
      }
      const opened = await openChangedIndex(index, parameters, options.base === true);
      try {
        for (const [row, hits] of (await opened.search(queries, topk)).entries())
          for (const { id, distance } of hits)
            process.stdout.write(`${row}\t${typeof id === "string" ? JSON.stringify(id) : id}\t${distance}\n`);
      } finally {
        await opened.close();
      }
    });

/** Prints a note if a measurement, which reads the base only, leaves changes out. */
async function noteChanges(index: string): Promise<void> {
  const { deltaFile } = await import("../contract/files/delta-path.js");
  const { readDelta } = await import("../runtime/stores/vectors/delta/read-delta.js");
  const changes = (await readDelta(deltaFile(index)))?.contents.touched.length ?? 0;
  if (changes > 0)
    process.stderr.write(
      `${deltaFile(index)} has ${changes} changed ids, which are not measured. Run \`merlon index compact\` to include them, or give --base to leave this note out.\n`,
    );
}

async function readQueries({ data, embedding, query, limit }: Options, dimension: number): Promise<Float32Array> {
  if ((data === undefined) === (query === undefined))
    throw new Error("give queries with `--data` or with `--query`, one of them.");
  if (data) {
    const { readVectors } = await import("../runtime/etl/read-vectors.js");
    return readVectors(data, embedding!, dimension, whole("limit", limit));
  }
  const numbers = query!.split(",").map(Number);
  if (numbers.length !== dimension || numbers.some(x => !Number.isFinite(x)))
    throw new Error(
      `--query has ${numbers.length} numbers (${query}), and the index vectors of ${dimension}. Give as many, all finite.`,
    );
  return Float32Array.from(numbers);
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} is \`${text}\`; give a whole number, at least 1.`);
  return value;
}
