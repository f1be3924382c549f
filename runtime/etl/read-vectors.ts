/**
 * A column of embeddings in Parquet or CSV → its vectors, one after the other.
 */
import { column } from "../../contract/schema.js";
import { invalid } from "../base/errors.js";
import { findData, openData } from "./data-source.js";
import { openDatabase } from "./database.js";

/** @param limit rows to take, from the start @throws RuntimeFault naming file and column */
export async function readVectors(
  data: readonly string[],
  embedding: string,
  dimension: number,
  limit: number,
): Promise<Float32Array> {
  const database = await openDatabase();
  try {
    const columns = [column(embedding, "float32", { list: { min: dimension, max: dimension } })];
    const source = await openData(database, await findData(database, data), columns);
    const result = await database.connection.stream(
      `SELECT ${source.expressions[0]} FROM ${source.relation} LIMIT ${limit}`,
    );
    const vectors: number[] = [];
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
      for (const cell of chunk.getColumnValues(0)) {
        const { items } = cell as { items: readonly (number | null)[] };
        for (const x of items) {
          if (x === null || !Number.isFinite(x))
            throw invalid(
              `column \`${embedding}\` has a vector with ${x ?? "a null"} in row ${Math.floor(vectors.length / dimension)}. Leave that row out.`,
            );
          vectors.push(x);
        }
      }
    if (vectors.length === 0) throw invalid("the data has no rows. There is nothing to search.");
    return Float32Array.from(vectors);
  } finally {
    await database.close();
  }
}
