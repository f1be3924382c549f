/** Logged columns of candidates, list by list → the scores that a replayed plan gives them. */
import type { Json } from "@duckdb/node-api";
import { type Column, childRows, rootRows } from "../base/columns/table.js";
import { RuntimeFault } from "../base/errors.js";
import { cellOf, columnOf } from "../engine/golden/cells.js";
import type { Database } from "../etl/database.js";
import type { ReplaySource } from "./log-columns.js";

/** Candidates of one run, at least those of one list. */
const ROWS = 8192;

/**
 * Scores of the rows of `logged` that belong to a shown list, in the order of list, position (null last) and item.
 * @param candidates of each list @throws RuntimeFault, also for a score that is NaN
 */
export async function replayScores(
  database: Database,
  { columns, score }: ReplaySource,
  candidates: Int32Array,
): Promise<Float64Array> {
  const features = columns.map((_, i) => `f${i}`);
  await database.run(
    `CREATE TEMP TABLE replayed AS SELECT list, position, item, request, row${features.map(name => `, ${name}`).join("")}
     FROM logged JOIN lists USING (request, row) ORDER BY list, position NULLS LAST, item`,
    "sorting the candidates",
  );
  const scores = new Float64Array(candidates.reduce((sum, count) => sum + count, 0));
  let at = 0;
  for (let from = 0; from < candidates.length; ) {
    const offsets = [0];
    let to = from;
    while (to < candidates.length && (to === from || offsets.at(-1)! + candidates[to]! <= ROWS))
      offsets.push(offsets.at(-1)! + candidates[to++]!);
    const found = await database.rows(
      `SELECT ${features.join(", ")} FROM replayed WHERE list >= ${from} AND list < ${to} ORDER BY list, position NULLS LAST, item`,
      "reading the candidates",
    );
    scores.set(await score(columnsOf(found, columns, Int32Array.from(offsets))), at);
    at += found.length;
    from = to;
  }
  const odd = scores.findIndex(Number.isNaN);
  if (odd >= 0) throw await oddScore(database, odd);
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

async function oddScore(database: Database, place: number): Promise<RuntimeFault> {
  const [[request, row, item]] = (await database.rows(
    `SELECT request, row::VARCHAR, item FROM replayed ORDER BY list, position NULLS LAST, item LIMIT 1 OFFSET ${place}`,
    "looking for a candidate",
  )) as [[string, string, string]];
  return new RuntimeFault(
    "INVALID_ARGUMENT",
    `the ensemble's score is NaN for item ${JSON.stringify(item.slice(0, 60))} in request ${JSON.stringify(request.slice(0, 60))}, row ${row}. Is a logged feature null there?`,
  );
}
