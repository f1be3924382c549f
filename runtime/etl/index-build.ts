/**
 * Parquet with ids and embeddings → a FAISS index file with those ids, exact beyond 2^53. Text ids go into a map beside it.
 */

import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { patchIvfIds, type SearchParameters, wrapIdMap, writeSearchParameters } from "../../formats/faiss/faiss.js";
import { MAX_EF_SEARCH } from "../../formats/faiss/faiss-graph.js";
import { requireOwnMap, textIdsFile } from "../../formats/faiss/text-ids.js";
import { StagingFolder } from "../../formats/folders/replace-folder.js";
import { invalid, type RuntimeFault } from "../base/errors.js";
import { toUnitItems } from "../stores/vectors/unit-length.js";
import { type DatabaseOptions, openDatabase } from "./database.js";
import { publishBase } from "./delta/publish-base.js";
import type { FaissJob } from "./faiss-child.js";
import { openKeyedVectors, type VectorColumns, type WriteOptions } from "./keyed-vectors.js";
import { printTextIds } from "./print-text-ids.js";
import { runFaissChild } from "./run-faiss.js";
import { moveFile } from "./transform.js";

interface IndexFactory {
  readonly text: string;
  /** Inverted lists; 0: none. */
  readonly lists: number;
  /** HNSW. */
  readonly graph: boolean;
  /** Maximum number of training vectors; 0 without training. */
  readonly train: number;
  /** Vectors needed. */
  readonly least: number;
}

/** FAISS trains on at most this many vectors per centroid. */
const PER_CENTROID = 256;

/**
 * The index factories that are built here: text as FAISS spells it → its requirements on the vectors.
 * @param dimension of the vectors @throws RuntimeFault naming factory and way out
 */
function indexFactory(text: string, dimension: number): IndexFactory {
  const [, lists, links, code, parts, bits] =
    /^(?:IVF([1-9]\d{0,6}),|HNSW([1-9]\d{0,2})(?:,|$))?(Flat|SQ8|PQ([1-9]\d{0,3})(?:x([1-9]\d?))?)?$/.exec(text) ?? [];
  if (text === "" || (code === undefined && links === undefined))
    throw invalid(
      `factory \`${text}\` is not made here. Use \`Flat\`, \`SQ8\` or \`PQ16\` (16 bytes a vector), alone or behind \`IVF32,\` (32 lists) or \`HNSW32,\` (32 links).`,
    );
  const centroids = parts === undefined ? 0 : 2 ** Number(bits ?? 8);
  if (parts !== undefined && (dimension % Number(parts) !== 0 || Number(bits ?? 8) > 12))
    throw invalid(
      `factory \`${text}\` cuts vectors into ${parts} parts${Number(bits ?? 8) > 12 ? ` of ${bits} bits` : ""}, and they have ${dimension} dimensions. Use a number of parts that divides ${dimension}, of 4 to 12 bits.`,
    );
  const most = Math.max(Number(lists ?? 0), centroids);
  return {
    text,
    lists: Number(lists ?? 0),
    graph: links !== undefined,
    train: code === "SQ8" && most === 0 ? 100_000 : most * PER_CENTROID,
    least: most,
  };
}

export interface IndexBuildOptions extends DatabaseOptions, VectorColumns {
  /** As FAISS spells it: `Flat`, `SQ8` or `PQ16`, alone or behind `IVF32,` or `HNSW32,`. */
  readonly factory?: string;
  /** The ids are texts. @default false */
  readonly textIds?: boolean;
  /** Inner product, squared distance, or inner product of vectors that are brought to length 1. */
  readonly metric?: "ip" | "l2" | "cosine";
  /** Lists that a search of an IVF index visits; written into the file. Default 8, as Merlin searches. */
  readonly nprobe?: number;
  /** Candidates that a search of an HNSW index keeps; written into the file. FAISS' own default is 16. */
  readonly efSearch?: number;
  /**
   * Candidates that an insertion into an HNSW index keeps. FAISS' own default is 40, which limits the recall of large indexes, whatever a search
   * keeps; the build takes time in proportion.
   */
  readonly efConstruction?: number;
}

export interface BuiltIndex {
  readonly count: number;
  readonly dimension: number;
}

/**
 * Builds an index.
 * @param data path, folder or glob of Parquet files, or several
 * @param out the index file; replaced in one step
 * @throws RuntimeFault naming file, column and what to do
 */
export async function buildIndex(
  data: string | readonly string[],
  out: string,
  options: IndexBuildOptions,
): Promise<BuiltIndex> {
  const { factory = "Flat", metric = "ip", onProgress } = options;
  requireOwnMap(textIdsFile(out));
  const database = await openDatabase(options);
  let staging: StagingFolder | undefined;
  try {
    const vectors = await openKeyedVectors(database, data, options, options.textIds ? "string" : "int64");
    const { count, dimension } = vectors;
    const made = indexFactory(factory, dimension);
    const parameters = searchParameters(made, options);
    if (count < made.least) throw tooFew(made, count);
    staging = new StagingFolder(out);
    const file = join(staging.path, "vectors.f32");
    const change: WriteOptions["change"] = (some, idOf) => toUnitItems(some, dimension, idOf);
    const ids = await vectors.write(file, metric === "cosine" ? { change } : {});
    const raw = join(staging.path, "positions.faiss");
    const job: FaissJob = {
      vectors: file,
      count,
      dimension,
      factory,
      metric: metric === "l2" ? "l2" : "ip",
      train: Math.min(count, made.train),
      ...(options.efConstruction !== undefined && { efConstruction: options.efConstruction }),
      out: raw,
    };
    await runFaiss(job, rows => onProgress?.({ doing: "index", rows, totalRows: count }));
    const bytes = readFileSync(raw);
    const done = join(staging.path, "index.faiss");
    const index = isIntegers(ids) ? withIds(bytes, ids, made) : bytes;
    writeSearchParameters(index, parameters);
    await writeFile(done, index);
    // A compaction that ended early is finished first: its base would replace the new index. A delta that cannot be read is refused when it is used.
    await publishBase(out, DELTA_WAIT_MS).catch(() => {});
    const map = join(staging.path, "ids.arrow");
    if (!isIntegers(ids)) {
      await writeFile(map, printTextIds(ids, done));
      await moveFile(map, textIdsFile(out));
    }
    await moveFile(done, out);
    // Between the two, and if the process ends there, the map is one of another index, which is refused.
    if (isIntegers(ids)) await rm(textIdsFile(out), { force: true });
    return { count, dimension };
  } finally {
    staging?.dispose();
    await database.close();
  }
}

/** Time to wait for a writer of the index's delta. */
const DELTA_WAIT_MS = 10_000;

const isIntegers = (ids: BigInt64Array | readonly string[]): ids is BigInt64Array => ids instanceof BigInt64Array;

/** FAISS numbers vectors by position. */
const withIds = (index: Uint8Array, ids: BigInt64Array, { lists }: IndexFactory): Uint8Array =>
  lists > 0 ? patchIvfIds(index, ids) : wrapIdMap(index, ids);

/** FAISS itself always writes an `nprobe` of 1. */
function searchParameters(
  { text, lists, graph }: IndexFactory,
  { nprobe, efSearch, efConstruction }: IndexBuildOptions,
): SearchParameters {
  if (nprobe !== undefined && lists === 0)
    throw invalid(`nprobe is given, but \`${text}\` has no lists. Leave it out.`);
  const visited = nprobe ?? Math.min(lists, 8);
  if (lists > 0 && (!Number.isInteger(visited) || visited < 1 || visited > lists))
    throw invalid(`nprobe is ${visited}, but \`${text}\` has ${lists} lists. Give a whole number from 1 to ${lists}.`);
  for (const [name, value] of Object.entries({ efSearch, efConstruction }))
    if (value !== undefined && (!graph || !Number.isInteger(value) || value < 1 || value > MAX_EF_SEARCH))
      throw invalid(
        graph
          ? `${name} is ${value}; give a whole number from 1 to ${MAX_EF_SEARCH}.`
          : `${name} is given, but \`${text}\` has no graph. Leave it out.`,
      );
  return { ...(lists > 0 && { nprobe: visited }), ...(efSearch !== undefined && { efSearch }) };
}

function tooFew({ text, lists, least }: IndexFactory, count: number): RuntimeFault {
  if (lists > count)
    return invalid(
      `${count} embeddings cannot be divided into the ${lists} lists of \`${text}\`. Use the factory \`Flat\`${count > 1 ? `, or \`IVF${Math.max(1, Math.floor(Math.sqrt(count)))},Flat\`` : ""}.`,
    );
  return invalid(
    `${count} embeddings are too few to learn the ${least} codes of \`${text}\`. Use the factory \`Flat\` or \`SQ8\`.`,
  );
}

const runFaiss = (job: FaissJob, onRows: (rows: number) => void): Promise<void> =>
  runFaissChild(
    fileURLToPath(new URL("./faiss-child.js", import.meta.url)),
    job,
    `build \`${job.factory}\` of ${job.count} vectors`,
    onRows,
  );
