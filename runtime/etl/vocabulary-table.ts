/**
 * A column of a view → its vocabulary, by one statement; DuckDB keeps it as a table too.
 */

import type { PrintedVocabulary } from "../../operators/categorify/kernel-vocabulary.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Engine } from "./engine.js";
import type { SqlColumn } from "./sql/sql-column.js";

/** Distinct values of all sources by falling count, then by value (text by its UTF-8 bytes): the same for the same data on any machine. */
export async function learnVocabulary(
  engine: Engine,
  place: { stepId: string; column: string; view: string },
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
  const counted = `SELECT value${zero} AS value, count(*) AS count FROM (${values}) WHERE value IS NOT NULL GROUP BY 1`;
  const kept = freqThreshold > 1 ? ` HAVING count(*) >= ${freqThreshold}` : "";
  const limit = maxSize > 0 ? ` LIMIT ${Math.max(0, maxSize - 2 - numBuckets)}` : "";
  const keep = valuesTable(stepId, column);
  // Sorted by the selected columns: DuckDB would carry a value and its cast, equal as they are, through the sort.
  const [found, counts] = await engine.packed(
    `SELECT CAST(value AS ${engine.sql.type(dtype)}) AS c0, count AS c1 FROM (${counted}${kept}) ORDER BY c1 DESC, c0${limit}`,
    [dtype, "int64"],
    `counting the values of column \`${column}\``,
    { keep, onFraction },
  );
  return { dtype, values: found!.values, counts: counts!.values as BigInt64Array };
}

/** The table of a vocabulary: column `c0`; a row's number is the place. */
export const valuesTable = (stepId: string, column: string): string => `merlon_values_${hex(stepId, column)}`;
const hex = (...parts: readonly string[]): string => Buffer.from(parts.join("\n")).toString("hex");
