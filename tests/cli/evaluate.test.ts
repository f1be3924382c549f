/** `merlon evaluate` as a command: table, JSON, page, and errors. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
