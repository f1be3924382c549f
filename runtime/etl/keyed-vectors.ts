/** Files with an id and a vector a row -> checked, then one stream of float32: what indexes and embedding tables are made of. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { column } from "../../contract/schema.js";
import { RuntimeFault } from "../base/errors.js";
import { findData, openData } from "./data-source.js";
import type { Database } from "./database.js";

export interface VectorColumns {
  /** Integer column; each of its values comes once. */
  readonly id: string;
  /** Column of float lists, all of one length. */
  readonly embedding: string;
}

export interface KeyedVectors {
  readonly count: number;
  readonly dimension: number;
  /**
   * Writes all vectors, row after row, to a new file.
   * @returns the ids, in the same order
   * @throws the system's error where the disk is full
   */
  write(file: string, options?: WriteOptions): Promise<BigInt64Array>;
}

export interface WriteOptions {
  /** By id instead of in the order of the data. */
  readonly sorted?: boolean;
  /** Changes some vectors, one after the other, before they are written. */
  readonly change?: (vectors: Float32Array) => void;
  readonly onRows?: (rows: number) => void;
}

const fault = (message: string): RuntimeFault => new RuntimeFault("INVALID_ARGUMENT", message);

/** @throws RuntimeFault naming file, column, and the first id at fault */
export async function openKeyedVectors(
  database: Database,
  data: string | readonly string[],
  columns: VectorColumns,
): Promise<KeyedVectors> {
  const { id, embedding } = columns;
  const wanted = [column(id, "int64"), column(embedding, "float32", { list: { min: 0, max: null } })];
  const source = await openData(database, await findData(database, data), wanted);
  const [idSql, embeddingSql] = source.expressions as [string, string];
  await database.run(
    `CREATE OR REPLACE TEMP VIEW vectors AS SELECT ${idSql} AS id, ${embeddingSql} AS embedding FROM ${source.relation}`,
    "reading vectors",
  );
  const { count, dimension } = await checkVectors(database, columns);
  return {
    count,
    dimension,
    async write(file, { sorted = false, change, onRows } = {}) {
      const ids = new BigInt64Array(count);
      const result = await database.connection.stream(
        `SELECT id, embedding FROM vectors${sorted ? " ORDER BY id" : ""}`,
      );
      const handle = openSync(file, "w");
      let at = 0;
      try {
        for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
          const floats = new Float32Array(chunk.rowCount * dimension);
          chunk.getColumnValues(0).forEach((key, i) => {
            ids[at + i] = key as bigint;
          });
          chunk.getColumnValues(1).forEach((list, i) => {
            floats.set((list as { items: readonly number[] }).items, i * dimension);
          });
          change?.(floats);
          at += chunk.rowCount;
          appendVectors(handle, floats);
          onRows?.(at);
        }
      } finally {
        closeSync(handle);
      }
      return ids;
    },
  };
}

/** All of them: one call of `write` may put down less than it was given. */
export const appendVectors = (handle: number, vectors: Float32Array): void =>
  writeFileSync(handle, new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength));

async function checkVectors(
  database: Database,
  { id, embedding }: VectorColumns,
): Promise<{ readonly count: number; readonly dimension: number }> {
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
  if (count === 0) throw fault("the data has no rows. There is nothing to look up.");
  if (ids < count)
    throw fault(
      `column \`${id}\` is null in ${count - ids} of ${count} rows. Each vector needs an id: leave those out.`,
    );
  if (shortest !== longest || longest === 0) {
    const [[key]] = (await database.rows(
      `SELECT min(id) FROM vectors WHERE len(embedding) = ${shortest}`,
      "checking vectors",
    )) as [[string]];
    throw fault(
      `column \`${embedding}\` has lists of ${shortest} to ${longest} values (${shortest} at id ${key}). All vectors must have one length, at least 1.`,
    );
  }
  if (odd > 0)
    throw fault(
      `column \`${embedding}\` has nulls, NaN or infinity in ${odd} rows, such as that of id ${found[5]}. Leave those rows out.`,
    );
  const [twice] = await database.rows(
    "SELECT id, count(*)::DOUBLE FROM vectors GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 1",
    "checking ids",
  );
  if (twice) throw fault(`column \`${id}\` has the id ${twice[0]} in ${twice[1]} rows. Each id must come once.`);
  return { count, dimension: longest };
}
