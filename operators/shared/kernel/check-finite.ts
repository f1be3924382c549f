import { invalid } from "../../../runtime/base/errors.js";

/**
 * Refuses queries with NaN or infinite values.
 *
 * @param name of the column
 * @param queries float32 `[rows, dimension]`
 * @throws RuntimeFault with the row and the place
 */
export function checkFinite(name: string, queries: Float32Array, dimension: number): void {
  for (let i = 0; i < queries.length; i++)
    if (!Number.isFinite(queries[i]!))
      throw invalid(
        `column \`${name}\` holds ${queries[i]} at row ${Math.floor(i / dimension)}, place ${i % dimension}: no query can be made of it. Look at the tower's inputs for that row.`,
      );
}
