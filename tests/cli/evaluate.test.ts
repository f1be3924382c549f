/** `merlon evaluate` as a command: table, JSON, page, and errors. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Row, simulate, writeRows } from "../runtime/evaluation/logged-rows.js";
import { merlon } from "./merlon-command.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-evaluate-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  const rows = simulate(600, 2);
  await writeRows(join(folder, "joined.parquet"), rows);
  // The simulated lists are drawn by weights exp(score).
  const scoreOf = (row: Row) => 2 * (Number(row["next_score"]) - (row["item"] === 1 ? 1 : 0));
  await writeRows(
    join(folder, "scored.parquet"),
    rows.map(row => ({ ...row, score: scoreOf(row) })),
  );
});
const run = (...words: string[]) => merlon(folder, "evaluate", "--on", "joined.parquet", ...words);

test("a table and a verdict; the same seed prints the same", async () => {
  const [first, second] = await Promise.all([run("--policy", "next_probability"), run("--policy", "next_probability")]);
  expect(first.status).toBe(0);
  expect(first.out).toMatch(
    /^300 requests, 600 lists, 1,200 shown items\. Logged reward: 0\.\d+ per list, 95 % interval /,
  );
  expect(first.out).toMatch(/\nestimator +reward +interval +lift +interval\nsnrips /);
  expect(first.out).toMatch(
    /\n✔ better: \+\d+\.\d % reward per list, 95 % interval \+\d+\.\d … \+\d+\.\d, effective sample size \d+ of 600\n/,
  );
  expect(second.out).toBe(first.out);
}, 120_000);

test("scores, a reward model, segments, JSON and a page", async () => {
  const { status, out } = await run(
    ...["--score", "next_score", "--temperature", "1", "--predicted", "predicted", "--estimator", "cascade-dr", "rips"],
    ...["--segment", "country", "--json", "--html", "report.html", "--samples", "100"],
  );
  expect(status).toBe(0);
  const found = JSON.parse(out);
  expect(found.estimates.map((one: { estimator: string }) => one.estimator)).toEqual(["cascade-dr", "rips"]);
  expect(found.verdict.outcome).toBe("better");
  expect(found.segments.weights.map((one: { segment: string }) => one.segment)).toEqual(["SE", "NO"]);
  expect(found.neverShown).toBe(0);
  expect(readFileSync(join(folder, "report.html"), "utf8")).toContain("cascade-dr");
}, 120_000);

test("a reward model is fitted on the log if an estimator needs one, on all columns of numbers or on those that are named", async () => {
  const score = ["--score", "next_score", "--temperature", "1", "--samples", "100"];
  const [all, named, both] = await Promise.all([
    run(...score, "--estimator", "cascade-dr", "rips", "--html", "fitted.html"),
    run(...score, "--fit-rewards", "next_score", "--json"),
    run(...score, "--fit-rewards", "--predicted", "predicted"),
  ]);
  const line =
    "Reward model: ridge regression on 3 columns (next_score, next_first, predicted), positions and items; 2 folds of requests, cross-fitted";
  expect(all.out).toContain(`\n${line}\n`);
  expect(readFileSync(join(folder, "fitted.html"), "utf8")).toContain(line);
  const found = JSON.parse(named.out);
  expect(found.fittedRewards).toEqual({ columns: ["next_score"], folds: 2 });
  expect(found.estimates.map((one: { estimator: string }) => one.estimator)).toContain("cascade-dr");
  expect([both.status, both.err]).toEqual([1, expect.stringContaining("Leave one of them out")]);
}, 120_000);

test("marginal probabilities by the temperature of the logged draw, which the log must agree with", async () => {
  const evaluate = (...words: string[]) =>
    merlon(
      folder,
      "evaluate",
      "--on",
      "scored.parquet",
      "--score",
      "next_score",
      "--temperature",
      "1",
      "--samples",
      "100",
      ...words,
    );
  const [found, other, missing] = await Promise.all([
    evaluate("--logged-temperature", "1", "--estimator", "iips", "rips", "--json"),
    evaluate("--logged-temperature", "2"),
    evaluate("--estimator", "iips"),
  ]);
  const [iips, rips] = JSON.parse(found.out).estimates;
  expect([iips.estimator, Math.abs(iips.value / rips.value - 1) < 0.1]).toEqual(["iips", true]);
  expect([other.status, other.err]).toEqual([1, expect.stringContaining("a draw of temperature 2 gives")]);
  expect([missing.status, missing.err]).toEqual([1, expect.stringContaining("`--logged-temperature`")]);
}, 120_000);

test("a replayed ensemble, and refused ones", async () => {
  const program = (log: string) => `import { ensemble, explode, lambdaOp, softmaxSampling, source } from "merlon";
const request = source({ item_ids: "list<int64>", age: "float32" });
const items = request["item_ids"] >> explode();
const score = items >> lambdaOp(candidate_ids => candidate_ids * 0.5, { name: "liking", dtype: "float64" });
export default ensemble("shop", items >> softmaxSampling(score, { topk: 2, temperature: 1 })${log});
`;
  writeFileSync(
    join(folder, "shop.ensemble.ts"),
    program(', { log: { columns: [request["age"]], candidates: { all: 1 } } }'),
  );
  writeFileSync(join(folder, "unlogged.ensemble.ts"), program(""));
  writeFileSync(join(folder, "wrong.ensemble.ts"), program("").replace("explode()", "explodes()"));
  const evaluate = (name: string, ...words: string[]) =>
    merlon(folder, "evaluate", name, "--on", "joined.parquet", "--json", ...words);
  const [found, unlogged, wrong, both, missing] = await Promise.all([
    evaluate("shop.ensemble.ts", "--samples", "50"),
    evaluate("unlogged.ensemble.ts"),
    evaluate("wrong.ensemble.ts"),
    evaluate("shop.ensemble.ts", "--policy", "next_probability"),
    evaluate("model-repo/shop"),
  ]);
  expect(found.err).toBe("");
  expect(JSON.parse(found.out).estimates[0]).toMatchObject({ estimator: "snrips", value: expect.any(Number) });
  expect(unlogged.err).toMatch(/`shop` has no `log`/);
  expect(wrong.err).toMatch(/explodes/);
  expect(both.err).toMatch(/Name one policy to evaluate/);
  expect(missing.err).toMatch(/model-repo\/shop/);
  expect([found.status, unlogged.status, wrong.status, both.status, missing.status]).toEqual([0, 1, 1, 1, 1]);
}, 120_000);

test.each([
  [["--policy", "next_probabilty"], /no column `next_probabilty`.*Did you mean `next_probability`/],
  [[], /Name one policy to evaluate: an ensemble, `--policy COLUMN`/],
  [["--policy", "next_probability", "--estimator", "rip"], /`rip` is not an estimator\. Did you mean `rips`/],
  [["--policy", "next_probability", "--score", "next_score"], /cannot be used with option/],
  [["--policy", "next_probability", "--served", "model-repo/shop"], /`--served` is for an ensemble/],
  [["--policy", "next_probability", "--level", "95"], /between 0 and 1/],
  [["--policy", "next_probability", "--samples", "1"], /from 20 to 999999/],
])(
  "refuses %j",
  async (words, message) => {
    const { status, out, err } = await run(...words);
    expect(status).toBe(1);
    expect(out).toBe("");
    expect(err).toMatch(message);
  },
  120_000,
);
