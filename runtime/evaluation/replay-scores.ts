/** Logged columns of candidates, list by list → the scores that a replayed plan gives them. */
import type { Json } from "@duckdb/node-api";
import { type Column, childRows, rootRows } from "../base/columns/table.js";
import type { RuntimeFault } from "../base/errors.js";
import { cellOf, columnOf } from "../engine/golden/cells.js";
import type { Database } from "../etl/database.js";
import type { ReplaySource } from "./log-columns.js";
import { ends, fault } from "./read-numbers.js";

/**
 * Scores of lists of the table `candidates`, in the order of list, position (null last) and item.
 * @param from number of the first list @param sizes candidates of each list @throws RuntimeFault, also for a score that is NaN
 */
export async function replayScores(
  database: Database,
  { columns, score }: ReplaySource,
  from: number,
  sizes: Int32Array,
): Promise<Float64Array> {
  const features = columns.map((_, i) => `f${i}`);
  const place = `FROM candidates WHERE list >= ${from} AND list < ${from + sizes.length} ORDER BY list, position NULLS LAST, item`;
  const found = await database.rows(`SELECT ${features.join(", ")} ${place}`, "reading the candidates");
  const scores = await score(columnsOf(found, columns, ends(sizes)));
  const odd = scores.findIndex(Number.isNaN);
  if (odd >= 0) throw await oddScore(database, `${place} LIMIT 1 OFFSET ${odd}`);
  return scores;
}

function columnsOf(
  found: readonly (readonly Json[])[],
  columns: ReplaySource["columns"],
  offsets: Int32Array,
): ReadonlyMap<string, Column> {
  const rows = childRows(rootRows(offsets.length - 1), offsets);
  return new Map(
    columns.map((schema, c) => {
      const cells = found.map(row => cellOf(row[c]!, schema.dtype));
      return [schema.name, columnOf(schema, cells, rows)] as const;
    }),
  );
}

async function oddScore(database: Database, place: string): Promise<RuntimeFault> {
  const [[request, row, item]] = (await database.rows(
    `SELECT request, row::VARCHAR, item ${place}`,
    "looking for a candidate",
  )) as [[string, string, string]];
  return fault(
    `the ensemble's score is NaN for item ${JSON.stringify(item.slice(0, 60))} in request ${JSON.stringify(request.slice(0, 60))}, row ${row}. Is a logged feature null there?`,
  );
}
