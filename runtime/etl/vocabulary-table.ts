/**
 * A column of a view → its vocabulary, by one statement.
 */

import type { PrintedVocabulary } from "../../operators/categorify/kernel-vocabulary.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Engine } from "./engine.js";
import type { SqlColumn } from "./sql/sql-column.js";

/**
 * Distinct values of all sources by falling count, then by value (text by its UTF-8 bytes): the same for the same data on any machine.
 * @param place `isReadAgain`: the engine keeps the values as a table, too; `rows` of the data, if they are known
 */
export async function learnVocabulary(
  engine: Engine,
  place: { stepId: string; column: string; view: string; isReadAgain: boolean; rows: number | undefined },
  sources: readonly SqlColumn[],
  limits: { readonly freqThreshold: number; readonly maxSize: number; readonly numBuckets: number },
  onFraction: (fraction: number) => void,
): Promise<PrintedVocabulary> {
  const { stepId, column, view } = place;
  const { freqThreshold, maxSize, numBuckets } = limits;
  const { dtype } = sources[0]!;
  const zero = datatype(dtype).kind === "float" ? " + 0" : "";
  const values = sources
    .map(({ sql, list }) => `SELECT ${list ? engine.sql.items(sql) : sql} AS value FROM ${view}`)
    .join(" UNION ALL ");
  // The group of nulls counts no value. A condition on every row would take a tenth of the statement's time.
  const kept = ` HAVING count(value) >= ${Math.max(1, freqThreshold)}`;
  const counted = `SELECT value${zero} AS value, count(value) AS count FROM (${values}) GROUP BY 1${kept}`;
  const limit = maxSize > 0 ? ` LIMIT ${Math.max(0, maxSize - 2 - numBuckets)}` : "";
  const keep = place.isReadAgain ? valuesTable(stepId, column) : undefined;
  const atMost = sources.some(({ list }) => list) ? undefined : place.rows && place.rows * sources.length;
  // Sorted by the selected columns: DuckDB would carry a value and its cast, equal as they are, through the sort.
  const [found, counts] = await engine.packed(
    `SELECT CAST(value AS ${engine.sql.type(dtype)}) AS c0, count AS c1 FROM (${counted}) ORDER BY c1 DESC, c0${limit}`,
    [dtype, "int64"],
    `counting the values of column \`${column}\``,
    { keep, atMost, onFraction },
  );
  return { dtype, values: found!.values, counts: counts!.values as BigInt64Array };
}

/** The table of a vocabulary: column `c0`; a row's number is the place. */
export const valuesTable = (stepId: string, column: string): string => `merlon_values_${hex(stepId, column)}`;
export const hex = (...parts: readonly string[]): string => Buffer.from(parts.join("\n")).toString("hex");
