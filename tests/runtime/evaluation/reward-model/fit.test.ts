// The fitted reward model against scikit-learn on the same folds, on simulated logs whose truth is known, and on hostile columns.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { LogColumns } from "#runtime/evaluation/log-columns.js";
import { readLog } from "#runtime/evaluation/read-log.js";
import { type Row, simulate, writeRows } from "../logged-rows.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-rewards-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const write = (rows: readonly Row[], types?: Record<string, string>): Promise<string> =>
  writeRows(join(folder, `rows-${files++}.parquet`), rows, types);

const SCORE: LogColumns = {
  policy: { kind: "score", column: "next_score", temperature: 1 },
  reward: "reward",
  fitRewards: { columns: [] },
};

test("predictions are scikit-learn's, on the same folds", async () => {
  const { rows, features, logged, expected } = JSON.parse(
    readFileSync(new URL("../../../fixtures/scikit-learn/rewards.json", import.meta.url), "utf8"),
  );
  const log = await readLog([await write(rows, { item: "VARCHAR" })], SCORE);
  expect(log.fittedRewards).toEqual({ columns: features, folds: 2 });
  expect(log.model!.logged).toHaveLength(logged.length);
  for (const [i, value] of logged.entries()) expect(log.model!.logged[i]).toBeCloseTo(value, 9);
  for (const [i, value] of expected.entries()) expect(log.model!.expected[i]).toBeCloseTo(value, 9);
});

test("a row's own reward is not in its prediction, nor the rewards of its request", async () => {
  const rows = simulate(40, 2, { batch: 2 });
  const changed = rows.map(row =>
    row["request_id"] === "request-003" && row["reward"] !== null ? { ...row, reward: 1000 } : row,
  );
  const [before, after] = await Promise.all(
    [rows, changed].map(async own => (await readLog([await write(own)], SCORE)).model!),
  );
  const own = [12, 13, 14, 15];
  expect(own.map(row => after!.logged[row])).toEqual(own.map(row => before!.logged[row]));
  expect(own.map(row => after!.expected[row])).toEqual(own.map(row => before!.expected[row]));
  expect(after!.logged).not.toEqual(before!.logged);
});

test("columns: numbers that all candidates have; not those of the outcome, of huge or of missing values", async () => {
  const rows = simulate(40, 2).map((row, i) => ({
    ...row,
    huge: i % 2 ? 1e308 : -1e308,
    hole: null,
    odd: i % 3 ? "NaN" : "inf",
    "a'; DROP": i % 7,
    clicked: row["reward"],
    label: row["reward"],
    score: i % 5,
  }));
  const log = await readLog([await write(rows)], {
    ...SCORE,
    policy: { kind: "score", column: "next_score", temperature: 1 },
  });
  expect(log.fittedRewards!.columns).toEqual(["next_score", "next_first", "predicted", "a'; DROP", "score"]);
  expect([...log.model!.logged, ...log.model!.expected].every(Number.isFinite)).toBe(true);
});

test.each<[string, Partial<LogColumns>, RegExp]>([
  [
    "text",
    { fitRewards: { columns: ["country"] } },
    /column `country` is VARCHAR, and a reward model is fitted on numbers/,
  ],
  ["the reward", { fitRewards: { columns: ["reward"] } }, /column `reward` is known after the response alone/],
  ["no column of that name", { fitRewards: { columns: ["prize"] } }, /prize/],
  [
    "lists by a column of probabilities",
    { policy: { kind: "column", column: "next_probability" } },
    /A reward model with `--policy` is for lists of one item/,
  ],
])("refuses %s", async (_, columns, message) => {
  await expect(readLog([await write(simulate(8, 2))], { ...SCORE, ...columns })).rejects.toThrow(message);
});
