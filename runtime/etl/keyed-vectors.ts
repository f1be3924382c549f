/** Files with an id and a vector per row → checked, then one stream of float32: the input of indexes and embedding tables. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { column } from "../../contract/schema.js";
import { invalid } from "../base/errors.js";
import { findData, openData } from "./data-source.js";
import type { Database } from "./database.js";

export interface VectorColumns {
  /** Column of unique values. */
  readonly id: string;
  /** Column of float lists, all of one length. */
  readonly embedding: string;
}

/** Ids as they are read. */
export interface IdValues {
  readonly int64: BigInt64Array;
  readonly string: readonly string[];
}

export interface KeyedVectors<D extends keyof IdValues = "int64"> {
  readonly count: number;
  readonly dimension: number;
  /**
   * Writes all vectors, row after row, to a new file.
   * @returns the ids, in the same order
   * @throws the system's error where the disk is full
   */
  write(file: string, options?: WriteOptions): Promise<IdValues[D]>;
}

export interface WriteOptions {
  /** By id instead of in the order of the data. */
  readonly sorted?: boolean;
  /** Changes some vectors, one after the other, before they are written. */
  readonly change?: (vectors: Float32Array, idOf: (row: number) => unknown) => void;
  readonly onRows?: (rows: number) => void;
}

/**
 * @param dtype what the ids are
 * @throws RuntimeFault naming file, column, and the first id at fault
 */
export async function openKeyedVectors<D extends keyof IdValues>(
  database: Database,
  data: string | readonly string[],
  columns: VectorColumns,
  dtype: D,
): Promise<KeyedVectors<D>> {
  const { id, embedding } = columns;
  const wanted = [column(id, dtype), column(embedding, "float32", { list: { min: 0, max: null } })];
  const source = await openData(database, await findData(database, data), wanted);
  const [idSql, embeddingSql] = source.expressions as [string, string];
  await database.run(
    `CREATE OR REPLACE TEMP VIEW vectors AS SELECT ${idSql} AS id, ${embeddingSql} AS embedding FROM ${source.relation}`,
    "reading vectors",
  );
  const { count, dimension } = await checkVectors(database, columns, dtype);
  return {
    count,
    dimension,
    async write(file, { sorted = false, change, onRows } = {}) {
      const ids = dtype === "string" ? new Array<string>(count) : new BigInt64Array(count);
      const result = await database.connection.stream(
        `SELECT id, embedding FROM vectors${sorted ? " ORDER BY id" : ""}`,
      );
      const handle = openSync(file, "w");
      let at = 0;
      try {
        for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
          const floats = new Float32Array(chunk.rowCount * dimension);
          chunk.getColumnValues(0).forEach((key, i) => {
            (ids as unknown[])[at + i] = key;
          });
          chunk.getColumnValues(1).forEach((list, i) => {
            floats.set((list as { items: readonly number[] }).items, i * dimension);
          });
          const first = at;
          change?.(floats, row => ids[first + row]);
          at += chunk.rowCount;
          appendVectors(handle, floats);
          onRows?.(at);
        }
      } finally {
        closeSync(handle);
      }
      return ids as IdValues[D];
    },
  };
}

/** All of them: one call of `write` may put down less than it was given. */
export const appendVectors = (handle: number, vectors: Float32Array): void =>
  writeFileSync(handle, new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength));

/** Characters of a text id that a message shows. */
const LONGEST = 80;

async function checkVectors(
  database: Database,
  { id, embedding }: VectorColumns,
  dtype: keyof IdValues,
): Promise<{ readonly count: number; readonly dimension: number }> {
  const show = (key: unknown): string =>
    dtype === "string" ? JSON.stringify(String(key).slice(0, LONGEST)) : `${key}`;
  // A NaN is a null by now.
  const isOdd =
    "list_count(embedding) < len(embedding) OR list_contains(list_transform(embedding, lambda v: isinf(v)), true)";
  const [found] = (await database.rows(
    `SELECT count(*)::DOUBLE, count(id)::DOUBLE, min(len(embedding))::DOUBLE, max(len(embedding))::DOUBLE,
       count(*) FILTER (WHERE ${isOdd})::DOUBLE, min(id) FILTER (WHERE ${isOdd}) FROM vectors`,
    "checking vectors",
  )) as [(number | string | null)[]];
  const [count, ids, shortest, longest, odd] = found.map(x => Number(x ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (count === 0) throw invalid("the data has no rows. There is nothing to look up.");
  if (ids < count)
    throw invalid(
      `column \`${id}\` is null in ${count - ids} of ${count} rows. Each vector needs an id: leave those out.`,
    );
  if (shortest !== longest || longest === 0) {
    const [[key]] = (await database.rows(
      `SELECT min(id) FROM vectors WHERE len(embedding) = ${shortest}`,
      "checking vectors",
    )) as [[string]];
    throw invalid(
      `column \`${embedding}\` has lists of ${shortest} to ${longest} values (${shortest} at id ${show(key)}). All vectors must have one length, at least 1.`,
    );
  }
  if (odd > 0)
    throw invalid(
      `column \`${embedding}\` has nulls, NaN or infinity in ${odd} rows, such as that of id ${show(found[5])}. Leave those rows out.`,
    );
  const [twice] = await database.rows(
    "SELECT id, count(*)::DOUBLE FROM vectors GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 1",
    "checking ids",
  );
  if (twice) {
    const [first, second] = await rowsOf(database, twice[0]);
    throw invalid(
      `column \`${id}\` has the id ${show(twice[0])} in ${twice[1]} rows (${first} and ${second}, from 0). Each id must be unique.`,
    );
  }
  return { count, dimension: longest };
}

/** The first two rows with an id. @param id as a statement answers it */
async function rowsOf(database: Database, id: unknown): Promise<readonly number[]> {
  const result = await database.connection.stream("SELECT id FROM vectors");
  const found: number[] = [];
  let at = 0;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    chunk.getColumnValues(0).forEach((key, i) => {
      if (String(key) === String(id)) found.push(at + i);
    });
    if (found.length > 1) break;
    at += chunk.rowCount;
  }
  return found;
}
