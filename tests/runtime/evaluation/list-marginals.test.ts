// Marginal probabilities of a log, by the draw that made it: equal to sums over all lists, and refused where they cannot be known.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { LogColumns } from "#runtime/evaluation/log-columns.js";
import { readLog } from "#runtime/evaluation/read-log.js";
import { type Row, simulate, writeRows } from "./logged-rows.js";
import { everyList, marginals } from "./worlds.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-marginals-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const write = (rows: readonly Row[]): Promise<string> => writeRows(join(folder, `rows-${files++}.parquet`), rows);

/** The simulation draws by weights exp(score). */
const scoreOf = (row: Row): number => 2 * ((row["next_score"] as number) - (row["item"] === 1 ? 1 : 0));
const simulated = (lists: number, length: number, seed = 1): Row[] =>
  simulate(lists, length, { seed }).map(row => ({ ...row, score: scoreOf(row) }));

const COLUMNS: LogColumns = {
  policy: { kind: "score", column: "next_score", temperature: 1 },
  reward: "reward",
  loggedDraw: { temperature: 1 },
};

test("both policies' probabilities are sums over all lists of the request", async () => {
  const rows = simulated(20, 3);
  const log = await readLog([await write(rows)], COLUMNS);
  for (let l = 0; l < 20; l++) {
    const own = rows.slice(5 * l, 5 * l + 5).toSorted((a, b) => Number(a["item"]) - Number(b["item"]));
    for (const [found, of] of [
      [log.marginal!.propensity, scoreOf],
      [log.marginal!.policy, (row: Row) => row["next_score"] as number],
    ] as const) {
      const each = marginals(
        everyList(
          own.map(row => Math.exp(of(row))),
          3,
        ),
        5,
        3,
      );
      for (const row of own)
        if (row["position"] !== null) {
          const k = Number(row["position"]) - 1;
          expect(found[3 * l + k]).toBeCloseTo(each[k]![Number(row["item"])]!, 11);
        }
    }
  }
});

const wide = (count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    request_id: "q1",
    request_row: 0,
    item: i,
    position: i === 0 ? 1 : null,
    propensity: i === 0 ? 1 / count : null,
    reward: i === 0 ? 1 : null,
    next_score: 0,
    score: 0,
  }));

test.each<[string, Row[], Partial<LogColumns>, RegExp]>([
  [
    "another temperature than the log's",
    simulated(4, 2),
    { loggedDraw: { temperature: 3 } },
    /the list of request "request-00\d", row \d, has propensity 0\.\d+ at position \d, and a draw of temperature 3 gives 0\.\d+ by the column `score`/,
  ],
  [
    "a score that is missing",
    simulated(4, 2).map((row, i) => (i === 4 ? { ...row, score: null } : row)),
    {},
    /the list of request "request-000", row 0, has a `score` that is null or not finite/,
  ],
  [
    "many candidates and a uniform part",
    wide(31),
    { loggedDraw: { temperature: 1, uniform: { epsilon: 0.1, least: 0, per: "position" } } },
    /has 31 candidates and 1 positions\. Marginal probabilities of a draw with a uniform part are sums/,
  ],
  [
    "columns as well",
    simulated(4, 2),
    { marginalPolicy: "next_first", marginalPropensity: "next_first" },
    /are in columns, and are not computed/,
  ],
  [
    "a policy of probabilities",
    simulated(4, 2),
    { policy: { kind: "column", column: "next_probability" } },
    /follow from its scores of all candidates/,
  ],
])("refuses %s", async (_, rows, columns, message) => {
  await expect(readLog([await write(rows)], { ...COLUMNS, ...columns })).rejects.toThrow(message);
});
