/** Reports on joined rows: means by request and by user, verdicts, lost units, and bad input. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type ExperimentOptions, experimentReport } from "#runtime/evaluation/experiment/report.js";
import { parquet, sql } from "../../etl/feedback/log.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-experiment-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const OPTIONS: ExperimentOptions = { arms: ["control", "treatment"], metric: "reward", level: 0.95, horizon: 10_000 };

/**
 * 2,000 requests of 500 users; each shows two items. In every `every`-th request of an arm, the first has a reward of 1.
 * @param select changes columns
 */
async function rows(name: string, select: string, every = { control: 10, treatment: 4 }): Promise<string> {
  const file = join(folder, `${name}.parquet`);
  const all = `SELECT concat('r', r) AS request_id, 0 AS request_row, CASE WHEN r % 2 = 0 THEN 'control' ELSE 'treatment' END AS arm, r % 500 AS user_id,
    p AS position, CASE WHEN p = 1 AND (r // 2) % (CASE WHEN r % 2 = 0 THEN ${every.control} ELSE ${every.treatment} END) = 0 THEN 1.0 ELSE 0.0 END AS reward
    FROM range(2000) requests(r), range(1, 3) positions(p)`;
  await sql(parquet(`SELECT ${select} FROM (${all})`, file), "SELECT 1");
  return file;
}

test("rewards per request, a difference that both intervals show, a verdict", async () => {
  const { arms, comparisons, sampleRatio, warnings } = await experimentReport([await rows("plain", "*")], OPTIONS);
  expect(arms.map(({ arm, units, requests, mean }) => [arm, units, requests, mean])).toEqual([
    ["control", 1000, 1000, 0.1],
    ["treatment", 1000, 1000, 0.25],
  ]);
  expect(arms[1]!.standardError).toBeCloseTo(Math.sqrt((0.25 * 0.75) / 999), 12);
  const [only] = comparisons;
  expect(only).toMatchObject({
    arm: "treatment",
    control: "control",
    outcome: "better",
    lift: expect.closeTo(1.5, 12),
  });
  expect(only!.sentence).toMatch(
    /^treatment against control: better, \+150\.0 % reward per request, always-valid 95 % interval of the difference \+0\.\d+ … \+0\.\d+$/,
  );
  expect(sampleRatio).toEqual({ p: 1, mismatch: false });
  expect(warnings).toEqual([]);
});

test("by user: the same means, other units; candidates that were not shown do not count", async () => {
  const shown = await rows("shown", "*");
  const more = await rows("more", "* REPLACE (NULL::BIGINT AS position, 100.0 AS reward)");
  const { arms } = await experimentReport([shown, more], { ...OPTIONS, unit: "user_id" });
  expect(arms.map(({ units, requests, mean }) => [units, requests, mean])).toEqual([
    [250, 1000, 0.1],
    [250, 1000, 0.25],
  ]);
});

test("no difference; a fixed interval that excludes 0 alone has a warning", async () => {
  const same = await experimentReport([await rows("same", "*", { control: 5, treatment: 5 })], OPTIONS);
  expect(same.comparisons[0]).toMatchObject({ difference: 0, outcome: "no difference shown" });
  expect(same.warnings).toEqual([]);
  const close = await experimentReport([await rows("close", "*", { control: 10, treatment: 8 })], {
    ...OPTIONS,
    level: 0.5,
  });
  expect(close.comparisons[0]).toMatchObject({ outcome: "no difference shown" });
  expect(close.warnings).toEqual([expect.stringContaining("the fixed-horizon interval of `treatment` excludes 0")]);
});

test("units that are lost: no verdict, but with the weights of the split there is one", async () => {
  const file = await rows("plain", "*");
  const third = join(folder, "third.parquet");
  await sql(
    parquet(`FROM read_parquet('${file}') WHERE arm = 'control' OR substr(request_id, 2)::INTEGER % 3 = 0`, third),
    "SELECT 1",
  );
  const { sampleRatio, comparisons, warnings } = await experimentReport([third], OPTIONS);
  expect(sampleRatio.mismatch).toBe(true);
  expect(comparisons[0]!.outcome).toBe("not reliable");
  expect(warnings[0]).toContain("the numbers of units differ from the weights (p < 0.0001)");
  const weighted = await experimentReport([third], { ...OPTIONS, weights: [3, 1] });
  expect(weighted.sampleRatio.mismatch).toBe(false);
  expect(weighted.comparisons[0]!.outcome).not.toBe("not reliable");
});

describe("refused", () => {
  test.each<[string, string, Partial<ExperimentOptions>, RegExp]>([
    ["one arm", "*", { arms: ["control"] }, /`--arms` names the control and at least one other arm/],
    ["an arm twice", "*", { arms: ["control", "control"] }, /`--arms` names `control` twice/],
    [
      "an arm that is not there",
      "*",
      { arms: ["control", "treatmnt"] },
      /no request has the arm `treatmnt`; the arms are `control`, `treatment`\. Did you mean `treatment`\?/,
    ],
    [
      "no arms",
      "* REPLACE (NULL::VARCHAR AS arm)",
      {},
      /column `arm` is null in every row\. Log requests of an ensemble with a `split`/,
    ],
    ["no column of arms", "* EXCLUDE (arm)", {}, /has no column `arm`/],
    ["a metric that is not there", "*", { metric: "rewrd" }, /has no column `rewrd`; .*Did you mean `reward`\?/],
    ["a metric of texts", "*", { metric: "request_id" }, /column `request_id` is VARCHAR, expected numbers/],
    [
      "a null reward",
      "* REPLACE (nullif(reward, 1) AS reward)",
      {},
      /column `reward` is null or not finite in 350 rows/,
    ],
    [
      "an infinite reward",
      "* REPLACE (CASE WHEN reward = 1 THEN 'inf'::DOUBLE ELSE 0 END AS reward)",
      {},
      /column `reward` is null or not finite in 350 rows/,
    ],
    [
      "equal rewards",
      "* REPLACE (1.0 AS reward)",
      {},
      /`reward` is the same in every request of `control` and `treatment`/,
    ],
    ["sampled negatives", "*, 2.0 AS weight", {}, /4,000 rows have a `weight` other than 1: negatives were sampled/],
    [
      "a user of two arms",
      "* REPLACE (user_id // 2 AS user_id)",
      { unit: "user_id" },
      /250 values of `user_id` have requests of several arms, such as "/,
    ],
    [
      "a user of null",
      "* REPLACE (NULL::BIGINT AS user_id)",
      { unit: "user_id" },
      /column `user_id` is null in 2,000 requests/,
    ],
    [
      "one user",
      "* REPLACE (request_row AS user_id, 'control' AS arm)",
      { unit: "user_id" },
      /no request has the arm `treatment`/,
    ],
    ["too few weights", "*", { weights: [1] }, /`--weights` has one number above 0 for each of the 2 arms\. Got 1\./],
    ["a weight of 0", "*", { weights: [1, 0] }, /Got 1,0\./],
    ["a level of 1", "*", { level: 1 }, /`--level` is between 0 and 1\. Got 1\./],
    ["a horizon of 0", "*", { horizon: 0 }, /`--horizon` is a number of units\. Got 0\./],
  ])("%s", async (_, select, some, message) => {
    await expect(experimentReport([await rows("bad", select)], { ...OPTIONS, ...some })).rejects.toThrow(message);
  });
});
