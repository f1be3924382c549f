/** `merlon index search`: searches a FAISS file, and measures cost and recall of its parameters. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Command } from "commander";

interface Options {
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
  readonly where?: string;
  readonly attributes?: string;
  readonly key?: string;
  readonly user?: string;
}

export const searchCommand = (): Command =>
  new Command("search")
    .description("find the nearest of an index; with --recall, measure it against exact search")
    .argument("<file>", "*.faiss")
    .option("-d, --data <paths...>", "Parquet or CSV with query vectors")
    .option("--embedding <column>", "column of the query vectors", "embedding")
    .option("--query <numbers>", "one query, as numbers separated by commas")
    .option("-k, --topk <n>", "how many to find", "10")
    .option("--nprobe <n>", "IVF: lists per search (default: the file's)")
    .option("--ef-search <n>", "HNSW: candidates per search (default: the file's)")
    .option("--limit <n>", "queries to take from the data", "1000")
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
    .action(async (file: string, options: Options) => {
      const { readFaissHeaderFile, searchedBy } = await import("../formats/faiss/faiss.js");
      const { readTextIds, textIdsFile } = await import("../formats/faiss/text-ids.js");
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
      const { openIndex } = await import("../runtime/stores/vectors/open-index.js");
      const index = await openIndex(file, parameters);
      const texts =
        existsSync(textIdsFile(file)) && readTextIds(textIdsFile(file), { index: file, ntotal: header.ntotal });
      const count = queries.length / header.dimension;
      const found = await index.search(queries as Float32Array<ArrayBuffer>, count, Math.min(topk, header.ntotal));
      for (let row = 0; row < count; row++)
        for (let i = found.offsets[row]!; i < found.offsets[row + 1]!; i++)
          process.stdout.write(
            `${row}\t${texts ? JSON.stringify(texts.at(Number(found.ids[i]))) : found.ids[i]}\t${found.distances[i]}\n`,
          );
      await index.close();
    });

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
