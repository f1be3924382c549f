// Joined rows in files → lists: what is read, and what is refused by name.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { evaluate } from "#runtime/evaluation/evaluate.js";
import type { LogColumns } from "#runtime/evaluation/log-columns.js";
import { readLog } from "#runtime/evaluation/read-log.js";
import { type Row, simulate, writeRows } from "./logged-rows.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-evaluation-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const write = (rows: readonly Row[], types?: Record<string, string>, ending = "parquet"): Promise<string> =>
  writeRows(join(folder, `rows-${files++}.${ending}`), rows, types);

const PROBABILITY: LogColumns = { policy: { kind: "column", column: "next_probability" }, reward: "reward" };
const SCORE: LogColumns = { policy: { kind: "score", column: "next_score", temperature: 1 }, reward: "reward" };
const OPTIONS = { tuning: {}, samples: 50, seed: 1, level: 0.95 };

test("lists are sorted by request, row and position, whatever the order of the files' rows", async () => {
  const rows = simulate(7, 3);
  const shuffled = [...rows].sort((a, b) => Number(a["next_score"]) - Number(b["next_score"]));
  const halves = [await write(shuffled.slice(0, 11)), await write(shuffled.slice(11))];
  const log = await readLog(halves, { ...PROBABILITY, segment: "country" });
  const shown = rows.filter(({ position }) => position !== null);
  expect([...log.starts]).toEqual([0, 3, 6, 9, 12, 15, 18, 21]);
  expect([...log.clusterOf]).toEqual([0, 0, 1, 1, 2, 2, 3]);
  for (const [array, name] of [
    [log.reward, "reward"],
    [log.propensity, "propensity"],
    [log.policy, "next_probability"],
  ] as const)
    expect([...array]).toEqual(shown.map(row => row[name]));
  expect(log.segments).toEqual({ column: "country", names: ["SE", "NO"], of: Int32Array.of(1, 0, 0, 0, 0, 0, 0) });
});

test("scores of all candidates give the probabilities that the simulation has", async () => {
  const rows = simulate(50, 2);
  const log = await readLog([await write(rows)], { ...SCORE, predicted: "predicted" });
  const shown = rows.filter(({ position }) => position !== null);
  for (const [i, row] of shown.entries()) expect(log.policy[i]).toBeCloseTo(row["next_probability"] as number, 13);
  expect([...log.model!.logged]).toEqual(shown.map(row => row["predicted"]));
  // At position 1 the expected reward is over all candidates; at position 2 over those left.
  const first = rows.slice(0, 5);
  const mean = (of: readonly Row[]) => {
    const total = of.reduce((sum, row) => sum + Math.exp(row["next_score"] as number), 0);
    return of.reduce(
      (sum, row) => sum + (Math.exp(row["next_score"] as number) / total) * (row["predicted"] as number),
      0,
    );
  };
  expect(log.model!.expected[0]).toBeCloseTo(mean(first), 13);
  expect(log.model!.expected[1]).toBeCloseTo(mean(first.slice(1)), 13);
  expect(log.neverShown).toBe(0);
});

test("single actions with a column of every candidate's probability: DM is the mean over candidates", async () => {
  const rows = simulate(30, 1);
  const log = await readLog([await write(rows)], {
    policy: { kind: "column", column: "next_first" },
    reward: "reward",
    predicted: "predicted",
  });
  const { estimates } = evaluate(log, { ...OPTIONS, estimators: ["dm"] });
  const expected =
    rows.reduce((sum, row) => sum + (row["next_first"] as number) * (row["predicted"] as number), 0) / 30;
  expect(estimates[0]!.value).toBeCloseTo(expected, 12);
});

/** One wrong value in an otherwise good log. */
const wrong = (change: Row, at = 0): Row[] => simulate(4, 2).map((row, i) => (i === at ? { ...row, ...change } : row));

test.each<[string, Row[], RegExp, LogColumns?]>([
  [
    "no propensity",
    wrong({ propensity: null }),
    /`propensity` is null in request `request-000`, row 0, item \d, position 1: .*cap, quota or filter/,
  ],
  ["propensity 0", wrong({ propensity: 0 }), /`propensity` is 0\.0 .*above 0 and up to 1/],
  [
    "propensity above 1",
    wrong({ propensity: 1.5 }, 1),
    /`propensity` is 1\.5 in request `request-000`, row 0, item \d, position 2/,
  ],
  ["negative propensity", wrong({ propensity: -0.1 }), /`propensity` is -0\.1 /],
  ["propensity NaN", wrong({ propensity: "NaN" }), /`propensity` is nan /],
  ["reward NaN", wrong({ reward: "NaN" }), /`reward` is nan .*finite reward/],
  ["infinite reward", wrong({ reward: "inf" }), /`reward` is inf /],
  ["no reward", wrong({ reward: null }), /`reward` is null .*merlon feedback join/],
  ["no policy", wrong({ next_probability: null }), /`next_probability` is null /],
  ["policy above 1", wrong({ next_probability: 7 }), /`next_probability` is 7\.0 .*For scores, use `--score`/],
  ["policy NaN", wrong({ next_probability: "NaN" }), /`next_probability` is nan /],
  ["no request", wrong({ request_id: null }), /`request_id` is null /],
  ["no item", wrong({ item: null }), /`item` is null /],
  ["position 0", wrong({ position: 0 }), /`position` is 0 .*count from 1/],
  ["negative row", wrong({ request_row: -1 }), /`request_row` is -1 /],
  ["a position twice", wrong({ position: 1 }, 1), /request `request-000`, row 0, has position 1 twice/],
  ["an item twice", simulate(4, 2).map((row, i) => (i < 2 ? { ...row, item: 3 } : row)), /has item 3 twice/],
  ["a hole", wrong({ position: 3 }, 1), /has 2 shown rows and its last position is 3: rows of the list are missing/],
  ["nothing shown", simulate(2, 2).map(row => ({ ...row, position: null })), /no row of the log has a `position`/],
  [
    "no score",
    wrong({ next_score: null }, 4),
    /`next_score` is null in request `request-000`, row 0, item \d: every candidate needs a score/,
    SCORE,
  ],
  ["score NaN", wrong({ next_score: "NaN" }, 4), /`next_score` is nan /, SCORE],
  [
    "shown items alone",
    simulate(4, 2).filter(({ position }) => position !== null),
    /shown items alone.*candidates: \{ all: 1 \}/,
    SCORE,
  ],
  [
    "no prediction",
    wrong({ predicted: "inf" }, 4),
    /`predicted` is inf .*finite predicted reward/,
    { ...SCORE, predicted: "predicted" },
  ],
  [
    "predictions of lists by column",
    simulate(4, 2),
    /A reward model with `--policy` is for lists of one item/,
    { ...PROBABILITY, predicted: "predicted" },
  ],
  ["half of a pair", simulate(4, 2), /Give both or neither/, { ...PROBABILITY, marginalPolicy: "next_probability" }],
  [
    "marginal 0",
    wrong({ predicted: 0 }),
    /`predicted` is 0\.0 .*above 0 and up to 1/,
    { ...PROBABILITY, marginalPolicy: "next_first", marginalPropensity: "predicted" },
  ],
  [
    "control characters of a client",
    wrong({ request_id: `\u001b[2J${"x".repeat(5000)}`, reward: null }),
    /in request `�\[2Jx{56}…`, row 0/,
  ],
])("refuses %s", async (_, rows, message, columns = PROBABILITY) => {
  await expect(readLog([await write(rows)], columns)).rejects.toThrow(message);
});

test("probabilities of candidates that do not add up to 1", async () => {
  const rows = simulate(3, 1).map((row, i) => (i === 2 ? { ...row, next_first: 0 } : row));
  await expect(
    readLog([await write(rows)], {
      policy: { kind: "column", column: "next_first" },
      reward: "reward",
      predicted: "predicted",
    }),
  ).rejects.toThrow(/request `request-000`, row 0, add up to 0\.\d+, expected 1/);
});

test("sampled rows, several models, sampled candidates", async () => {
  const withColumn = (column: string, value: (i: number) => string | number, type = "DOUBLE") =>
    write(
      simulate(4, 2).map((row, i) => ({ ...row, [column]: value(i) })),
      { [column]: type },
    );
  await expect(readLog([await withColumn("weight", i => (i === 3 ? 10 : 1))], PROBABILITY)).rejects.toThrow(
    /1 rows have another weight than 1.*without `--negatives`/,
  );
  await expect(readLog([await withColumn("model", i => (i < 9 ? "a" : "b"), "VARCHAR")], PROBABILITY)).rejects.toThrow(
    /rows of several models: `[ab]`, `[ab]`/,
  );
  await expect(readLog([await withColumn("log_rate", () => 0.5)], PROBABILITY)).rejects.toThrow(
    /shown rows have a `log_rate` below 1/,
  );
  const sampled = await withColumn("log_rate", i => (i % 5 < 2 ? 1 : 0.5));
  await expect(readLog([sampled], PROBABILITY)).resolves.toBeDefined();
  await expect(readLog([sampled], SCORE)).rejects.toThrow(/candidates were sampled/);
});

test("files that are not tables, missing columns, other types, empty tables", async () => {
  const not = join(folder, "not.parquet");
  writeFileSync(not, "PAR1 is how it begins");
  await expect(readLog([not], PROBABILITY)).rejects.toThrow(/not\.parquet/);
  const rows = simulate(4, 2);
  const file = await write(rows);
  await expect(readLog([file], { ...PROBABILITY, reward: "rewards" })).rejects.toThrow(
    /no column `rewards`.*Did you mean `reward`/,
  );
  await expect(readLog([join(folder, "none-*.parquet")], PROBABILITY)).rejects.toThrow(/names no file/);
  await expect(readLog([file], { ...PROBABILITY, reward: "country" })).rejects.toThrow(
    /`country` is VARCHAR, expected numbers/,
  );
  const odd = await write(
    rows.map(row => ({ ...row, position: row["position"] === null ? null : `${row["position"]}` })),
    { position: "VARCHAR" },
  );
  await expect(readLog([odd], PROBABILITY)).rejects.toThrow(
    /`position` is VARCHAR, expected INTEGER.*merlon feedback join/,
  );
  const empty = join(folder, "empty.csv");
  writeFileSync(empty, "request_id,request_row,item,position,propensity,reward,next_probability\n");
  await expect(readLog([empty], PROBABILITY)).rejects.toThrow(/has no rows|expected INTEGER/);
});
