/**
 * Parquet with ids and vectors, HugeCTR's model files, or numpy's arrays → an embedding table folder, sorted by id, put in place
 * atomically.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StagingFolder } from "../../formats/folders/replace-folder.js";
import { readNpz } from "../../formats/npz/npz.js";
import { KEYS, printEmbeddingTable, TABLE, VECTORS } from "../../formats/tables/embedding-table.js";
import { invalid } from "../base/errors.js";
import { type DatabaseOptions, openDatabase } from "./database.js";
import { appendVectors, openKeyedVectors, type VectorColumns } from "./keyed-vectors.js";

export interface TableOptions extends DatabaseOptions, VectorColumns {}

export interface MadeTable {
  readonly count: number;
  readonly dimension: number;
}

/** @throws RuntimeFault naming column and what to do */
export async function buildEmbeddingTable(
  data: readonly string[],
  out: string,
  options: TableOptions,
): Promise<MadeTable> {
  const { onProgress } = options;
  const database = await openDatabase(options);
  const staging = new StagingFolder(out);
  try {
    const vectors = await openKeyedVectors(database, data, options, "int64");
    const { count: totalRows, dimension } = vectors;
    const keys = await vectors.write(join(staging.path, VECTORS), {
      sorted: true,
      onRows: rows => onProgress?.({ doing: "write", rows, totalRows }),
    });
    return finish(staging, keys, dimension);
  } finally {
    staging.dispose();
    await database.close();
  }
}

/**
 * Reads a folder of HugeCTR's sparse model: `key` (int64) and `emb_vector` (float32), in the same order.
 * @throws RuntimeFault naming the file
 */
export function importHugectrTable(folder: string, out: string): MadeTable {
  for (const name of ["key", "emb_vector"])
    if (!existsSync(join(folder, name)))
      throw invalid(
        `${folder} has no file \`${name}\`. Give the folder of a sparse model, as \`model_0_sparse_2000.model\`.`,
      );
  const bytes = readFileSync(join(folder, "key"));
  const size = statSync(join(folder, "emb_vector")).size;
  const count = bytes.length / 8;
  const dimension = size / 4 / count;
  if (!Number.isInteger(count) || count === 0 || !Number.isInteger(dimension) || dimension === 0)
    throw invalid(
      `${folder}: \`key\` has ${bytes.length} bytes and \`emb_vector\` ${size}: not int64 keys with float32 vectors of one length each.`,
    );
  const unsorted = new BigInt64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const { keys, order } = sortKeys(unsorted, folder);
  const staging = new StagingFolder(out);
  try {
    copyRows(join(folder, "emb_vector"), join(staging.path, VECTORS), order, keys, dimension);
    return finish(staging, keys, dimension);
  } finally {
    staging.dispose();
  }
}

/** Rows of float32 in another order. @throws RuntimeFault naming file and key of a vector that is none */
function copyRows(from: string, to: string, order: Uint32Array, keys: BigInt64Array, dimension: number): void {
  const source = openSync(from, "r");
  try {
    const target = openSync(to, "w");
    try {
      const row = new Float32Array(dimension);
      const bytes = new Uint8Array(row.buffer);
      for (const [i, place] of order.entries()) {
        readSync(source, bytes, 0, bytes.length, place * bytes.length);
        const odd = row.find(x => !Number.isFinite(x));
        if (odd !== undefined)
          throw invalid(
            `${from}: the vector of key ${keys[i]} holds ${odd}. Train the model anew, or leave the key out.`,
          );
        appendVectors(target, row);
      }
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

/**
 * Reads arrays that numpy saved in an `.npz` file.
 * @param keys array of integers; without it a vector's key is its row
 * @throws RuntimeFault naming file and array
 */
export function importNpzTable(path: string, out: string, vectors: string, keys?: string): MadeTable {
  const { matrix, given } = readArrays(path, vectors, keys);
  const [count = 0, dimension = 0] = matrix.shape;
  if (matrix.shape.length !== 2 || matrix.values.length === 0 || matrix.values instanceof BigInt64Array)
    throw invalid(`${path}: \`${vectors}\` has the shape (${matrix.shape.join(", ")}); expected a matrix of floats.`);
  if (given && (given.shape.length !== 1 || given.shape[0] !== count || given.values instanceof Float32Array))
    throw invalid(`${path}: \`${keys}\` has the shape (${given.shape.join(", ")}); expected ${count} integers.`);
  const odd = (matrix.values as Float32Array).findIndex(x => !Number.isFinite(x));
  if (odd >= 0)
    throw invalid(
      `${path}: \`${vectors}\` holds ${matrix.values[odd]} in row ${Math.floor(odd / dimension)}. Leave that row out.`,
    );
  const unsorted = BigInt64Array.from({ length: count }, (_, i) => BigInt(given ? given.values[i]! : i));
  const sorted = sortKeys(unsorted, path);
  const floats = new Float32Array(count * dimension);
  sorted.order.forEach((from, to) => {
    floats.set((matrix.values as Float32Array).subarray(from * dimension, (from + 1) * dimension), to * dimension);
  });
  const staging = new StagingFolder(out);
  try {
    writeFileSync(join(staging.path, VECTORS), new Uint8Array(floats.buffer));
    return finish(staging, sorted.keys, dimension);
  } finally {
    staging.dispose();
  }
}

function readArrays(path: string, vectors: string, keys: string | undefined) {
  try {
    const arrays = readNpz(path, keys === undefined ? [vectors] : [vectors, keys]);
    return { matrix: arrays[vectors]!, given: keys === undefined ? undefined : arrays[keys]! };
  } catch (error) {
    throw invalid(`${(error as Error).message}.`);
  }
}

/** @returns the keys in rising order, and the original position of each @throws RuntimeFault for a duplicate */
function sortKeys(
  unsorted: BigInt64Array,
  where: string,
): { readonly keys: BigInt64Array; readonly order: Uint32Array } {
  const order = Uint32Array.from({ length: unsorted.length }, (_, i) => i).sort((a, b) =>
    unsorted[a]! < unsorted[b]! ? -1 : unsorted[a]! > unsorted[b]! ? 1 : 0,
  );
  const keys = BigInt64Array.from(order, i => unsorted[i]!);
  const twice = keys.findIndex((key, i) => i > 0 && key === keys[i - 1]);
  if (twice >= 0) throw invalid(`${where}: key ${keys[twice]} comes twice.`);
  return { keys, order };
}

function finish(staging: StagingFolder, keys: BigInt64Array, dimension: number): MadeTable {
  writeFileSync(join(staging.path, KEYS), new Uint8Array(keys.buffer));
  writeFileSync(join(staging.path, TABLE), printEmbeddingTable(keys.length, dimension));
  staging.replace();
  return { count: keys.length, dimension };
}
