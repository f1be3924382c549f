/**
 * Parquet with ids and embeddings -> a FAISS index file that answers with those ids, exact beyond 2^53.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { patchIvfIds, wrapIdMap } from "../../triton-protos/artefacts/faiss.js";
import { stagingFolder } from "../../triton-protos/artefacts/replace-folder.js";
import { column } from "../../triton-protos/schema.js";
import { RuntimeFault } from "../errors.js";
import { findData, openData } from "./data-source.js";
import { type Database, type DatabaseOptions, type OnProgress, openDatabase } from "./database.js";
import type { FaissJob } from "./faiss-child.js";
import { moveFile } from "./transform.js";

export interface IndexBuildOptions extends DatabaseOptions {
  /** Integer column; its values are the ids that a search answers. */
  readonly id: string;
  /** Column of float lists, all of one length. */
  readonly embedding: string;
  /** `Flat` (exact) or `IVF32,Flat` (32 lists). */
  readonly factory?: string;
  readonly metric?: "ip" | "l2";
  /** Lists that a search of an IVF index visits; written into the file. Default 8, as Merlin searches. */
  readonly nprobe?: number;
  readonly onProgress?: OnProgress;
}

export interface BuiltIndex {
  readonly count: number;
  readonly dimension: number;
}

/** FAISS trains on at most this many vectors per list, and warns below 39. */
const TRAIN_PER_LIST = 256;

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
  const { id, embedding, factory = "Flat", metric = "ip", onProgress } = options;
  const lists = listsOf(factory);
  const nprobe = options.nprobe ?? Math.min(lists, 8);
  if (lists > 0 && (!Number.isInteger(nprobe) || nprobe < 1 || nprobe > lists))
    throw fault(`nprobe is ${nprobe}, but \`${factory}\` has ${lists} lists. Give a whole number from 1 to ${lists}.`);
  const database = await openDatabase(options);
  let staging: string | undefined;
  try {
    const columns = [column(id, "int64"), column(embedding, "float32", { list: { min: 0, max: null } })];
    const source = await openData(database, await findData(database, data), columns);
    const [idSql, embeddingSql] = source.expressions as [string, string];
    await database.run(
      `CREATE TEMP VIEW vectors AS SELECT ${idSql} AS id, ${embeddingSql} AS embedding FROM ${source.relation}`,
      "reading embeddings",
    );
    const { count, dimension } = await checkVectors(database, options);
    if (count < lists)
      throw fault(
        `${count} embeddings cannot be divided into the ${lists} lists of \`${factory}\`. Use the factory \`Flat\`${count > 1 ? `, or \`IVF${Math.max(1, Math.floor(Math.sqrt(count)))},Flat\`` : ""}.`,
      );
    staging = stagingFolder(out);
    const vectors = join(staging, "vectors.f32");
    const ids = await writeVectors(database, vectors, count, dimension);
    const raw = join(staging, "positions.faiss");
    const job: FaissJob = {
      vectors,
      count,
      dimension,
      factory,
      metric,
      train: lists && Math.min(count, lists * TRAIN_PER_LIST),
      out: raw,
    };
    await runFaiss(job, rows => onProgress?.({ doing: "index", rows, totalRows: count }));
    const bytes = readFileSync(raw);
    const done = join(staging, "index.faiss");
    await writeFile(done, lists > 0 ? withNprobe(patchIvfIds(bytes, ids), nprobe) : wrapIdMap(bytes, ids));
    moveFile(done, out);
    return { count, dimension };
  } finally {
    if (staging !== undefined) rmSync(staging, { recursive: true, force: true });
    await database.close();
  }
}

/** In an IVF file: four letters, 33 bytes of header, the number of lists, then nprobe. FAISS itself always writes 1. */
const NPROBE_AT = 45;

function withNprobe(index: Uint8Array, nprobe: number): Uint8Array {
  new DataView(index.buffer, index.byteOffset).setBigUint64(NPROBE_AT, BigInt(nprobe), true);
  return index;
}

/** Number of inverted lists; 0 for `Flat`. */
function listsOf(factory: string): number {
  if (factory === "Flat") return 0;
  const lists = Number(/^IVF([1-9]\d{0,6}),Flat$/.exec(factory)?.[1]);
  if (Number.isNaN(lists))
    throw fault(
      `factory \`${factory}\` is not made here. Use \`Flat\`, or \`IVF32,Flat\` with the number of lists you want.`,
    );
  return lists;
}

async function checkVectors(database: Database, { id, embedding }: IndexBuildOptions): Promise<BuiltIndex> {
  const [found] = (await database.rows(
    `SELECT count(*)::DOUBLE, count(id)::DOUBLE, min(len(embedding))::DOUBLE, max(len(embedding))::DOUBLE,
       count(*) FILTER (WHERE list_count(embedding) < len(embedding) OR list_contains(list_transform(embedding, lambda v: isinf(v)), true))::DOUBLE FROM vectors`,
    "checking embeddings",
  )) as [(number | null)[]];
  const [count, ids, shortest, longest, odd] = found.map(x => x ?? 0) as [number, number, number, number, number];
  if (count === 0) throw fault("the data has no rows. There is nothing to index.");
  if (ids < count)
    throw fault(`column \`${id}\` is null in ${count - ids} of ${count} rows. Each embedding needs an id.`);
  if (shortest !== longest || longest === 0)
    throw fault(
      `column \`${embedding}\` has lists of ${shortest} to ${longest} values. All embeddings must have one length, at least 1.`,
    );
  if (odd > 0) throw fault(`column \`${embedding}\` has nulls, NaN or infinity in ${odd} rows. Leave those rows out.`);
  const twice = await database.rows(
    "SELECT id, count(*)::DOUBLE FROM vectors GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 1",
    "checking ids",
  );
  if (twice[0])
    throw fault(`column \`${id}\` has the id ${twice[0][0]} in ${twice[0][1]} rows. Each id must come once.`);
  return { count, dimension: longest };
}

async function writeVectors(
  database: Database,
  file: string,
  count: number,
  dimension: number,
): Promise<BigInt64Array> {
  const ids = new BigInt64Array(count);
  const out = createWriteStream(file);
  const result = await database.connection.stream("SELECT id, embedding FROM vectors");
  let at = 0;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const floats = new Float32Array(chunk.rowCount * dimension);
    chunk.getColumnValues(0).forEach((id, i) => {
      ids[at + i] = id as bigint;
    });
    chunk.getColumnValues(1).forEach((list, i) => {
      floats.set((list as { items: readonly number[] }).items, i * dimension);
    });
    at += chunk.rowCount;
    if (!out.write(new Uint8Array(floats.buffer))) await once(out, "drain");
  }
  out.end();
  await once(out, "close");
  return ids;
}

async function runFaiss(job: FaissJob, onRows: (rows: number) => void): Promise<void> {
  const child = fork(fileURLToPath(new URL("./faiss-child.js", import.meta.url)), [JSON.stringify(job)], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let said = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.on("message", rows => onRows(Number(rows)));
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  if (code === 0) return;
  const reason =
    said
      .split("\n")
      .find(line => /error|what\(\)|cannot|not found/i.test(line))
      ?.trim() ?? `it ended with ${signal ?? `status ${code}`}`;
  throw new RuntimeFault(
    "INTERNAL",
    `FAISS could not build \`${job.factory}\` of ${job.count} vectors: ${reason}. If its native binding is missing, run \`npm run setup\`.`,
  );
}

const fault = (message: string): RuntimeFault => new RuntimeFault("INVALID_ARGUMENT", message);
