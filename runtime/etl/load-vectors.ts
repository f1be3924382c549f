/** Parquet with ids, embeddings and attributes → a vector database, in batches. Loading the same file again changes nothing. */
import { basename } from "node:path";
import { column } from "../../contract/schema.js";
import type { Scalar } from "../../contract/vector-filter/filter.js";
import type { VectorStore } from "../../formats/vectors/vector-store.js";
import { invalid } from "../base/errors.js";
import { openVectorLoader, readStore } from "../stores/databases/open-database.js";
import type { VectorLoader, VectorRows } from "../stores/databases/vector-database.js";
import { toUnitItems } from "../stores/vectors/unit-length.js";
import { findData, openData } from "./data-source.js";
import { type Database, type DatabaseOptions, openDatabase } from "./database.js";
import { openKeyedVectors, type VectorColumns } from "./keyed-vectors.js";

export interface LoadVectorsOptions extends DatabaseOptions, VectorColumns {
  /** Rows of one call. @default 1000 */
  readonly batch?: number;
  /** Removes items of the store that the data does not have. @default false */
  readonly deleteMissing?: boolean;
  /** Brings vectors to length 1. @default false */
  readonly normalize?: boolean;
}

export interface LoadedVectors {
  readonly count: number;
  readonly removed: number;
  /** The table or collection was made. */
  readonly isNew: boolean;
}

const BATCH = 1000;

/**
 * Loads a store. If it ends early, searches find the rows that were written, and another run completes it. With `deleteMissing`, some databases
 * replace all items at the end, in one step.
 * @param file `*.vectors.yaml`
 * @param data path, folder or glob of Parquet files, or several
 * @throws RuntimeFault naming file, column and the way out
 */
export async function loadVectors(
  file: string,
  data: string | readonly string[],
  options: LoadVectorsOptions,
): Promise<LoadedVectors> {
  const store = readStore(file);
  const database = await openDatabase(options);
  let loader: VectorLoader | undefined;
  try {
    const { count, dimension } = await openKeyedVectors(database, data, options, store.ids);
    if (dimension !== store.dimension)
      throw invalid(
        `column \`${options.embedding}\` has vectors of ${dimension} values, and \`dimension\` of ${file} is ${store.dimension}. Load the embeddings of its model, or correct the file.`,
      );
    loader = await openVectorLoader(store, basename(file));
    const isNew = await loader.create();
    const swap = options.deleteMissing ? loader.swap : undefined;
    await swap?.begin();
    const seen = new Set<bigint | string>();
    let written = 0;
    for await (const rows of batches(database, store, data, options)) {
      await loader.upsert(rows);
      if (options.deleteMissing && !swap) for (const id of rows.ids) seen.add(id);
      written += rows.ids.length;
      options.onProgress?.({ doing: "load", rows: written, totalRows: count });
    }
    if (swap) return { count, removed: await swap.end(), isNew };
    const removed = options.deleteMissing ? await removeOthers(loader, seen) : 0;
    await loader.finish();
    return { count, removed, isNew };
  } finally {
    await loader?.close();
    await database.close();
  }
}

async function* batches(
  database: Database,
  store: VectorStore,
  data: string | readonly string[],
  { id, embedding, batch = BATCH, normalize = false }: LoadVectorsOptions,
): AsyncGenerator<VectorRows> {
  const { dimension, attributes } = store;
  const names = Object.keys(attributes);
  const wanted = [
    column(id, store.ids),
    column(embedding, "float32", { list: { min: dimension, max: dimension } }),
    ...names.map(name => column(name, attributes[name]!)),
  ];
  const source = await openData(database, await findData(database, data), wanted);
  const result = await database.connection.stream(`SELECT ${source.expressions.join(", ")} FROM ${source.relation}`);
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const [ids, lists, ...cells] = wanted.map((_, i) => chunk!.getColumnValues(i)) as [
      (bigint | string)[],
      { items: readonly number[] }[],
      ...unknown[][],
    ];
    for (let from = 0; from < chunk.rowCount; from += batch) {
      const to = Math.min(chunk.rowCount, from + batch);
      const vectors = new Float32Array((to - from) * dimension);
      for (let i = from; i < to; i++) vectors.set(lists[i]!.items, (i - from) * dimension);
      if (normalize) toUnitItems(vectors, dimension, row => ids[from + row]);
      else if (store.metric === "cosine") toUnitItems(vectors.slice(), dimension, row => ids[from + row]);
      yield {
        ids: ids.slice(from, to),
        vectors,
        attributes: new Map(names.map((name, i) => [name, cells[i]!.slice(from, to).map(scalarOf)])),
      };
    }
  }
}

/** NaN and infinities are missing: no database compares them as JavaScript does. */
const scalarOf = (cell: unknown): Scalar | undefined =>
  cell === null || cell === undefined || (typeof cell === "number" && !Number.isFinite(cell))
    ? undefined
    : (cell as Scalar);

async function removeOthers(loader: VectorLoader, seen: ReadonlySet<bigint | string>): Promise<number> {
  let removed = 0;
  for await (const ids of loader.ids?.() ?? []) {
    const others = ids.filter(id => !seen.has(id));
    if (others.length > 0) removed += (await loader.remove?.(others)) ?? 0;
  }
  return removed;
}
