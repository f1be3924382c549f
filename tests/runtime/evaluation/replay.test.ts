// A candidate ensemble, replayed on logged columns: its scores are those of a whole run, and the estimates those of a column with these scores.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import { parsePlan } from "#contract/plan.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { evaluate } from "#runtime/evaluation/evaluate.js";
import { openCandidate } from "#runtime/evaluation/open-candidate.js";
import { readLog } from "#runtime/evaluation/read-log.js";
import { replayModels } from "#runtime/evaluation/replay-models.js";
import { scoringPlan } from "#runtime/evaluation/scoring-plan.js";
import { type Row, writeRows } from "./logged-rows.js";
import { draw, repeatable } from "./worlds.js";

const ARTEFACTS = join(import.meta.dirname, "../../samples/artefacts");
const folder = mkdtempSync(join(tmpdir(), "merlon-replay-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => {
  for (const path of ["features", "models/ranker.onnx"])
    cpSync(join(ARTEFACTS, path), join(folder, path), { recursive: true });
});

const LOG = 'log: { columns: [pairs[["item_price", "age"]]], candidates: { all: 1 } }';
const PARTS = {
  score:
    'ranking + cheapness >> mixScores({ weights: { "purchase/binary_output": 2, cheapness: 1 }, scale: "standard" })',
  order: "softmaxSampling(score, { topk: 2, temperature: 1.5 })",
  options: `{ ${LOG} }`,
};

/** Candidates of a request, their prices from a store, a model's score and a rule's, scaled among the candidates and mixed. */
const programOf = ({ score, order, options }: typeof PARTS): string => `
import { ensemble, explode, fallback, filter, lambdaOp, limitPerGroup, mixScores, predictOnnx, queryFeast, softmaxSampling, source, topK, unrollFeatures } from "merlon";
const request = source({ age: "float32", item_ids: "list<int64>", secret: "float32" });
const items = (request["item_ids"] >> explode()) >> queryFeast("features", { view: "item_features", entityColumn: "candidate_ids", includeId: true, prefix: "item" });
const pairs = items >> unrollFeatures("item_id", request[["age", "secret"]]) >> filter(item => item.item_price < 1e9);
const ranking = pairs[["item_id", "age"]] >> predictOnnx("models/ranker.onnx");
const cheapness = pairs["item_price"] >> lambdaOp(item_price => -item_price / 100, { name: "cheapness", dtype: "float32" });
const score = ${score};
const ordering = pairs["item_id"] >> ${order};
export default ensemble("shop", ordering, ${options});
`;

async function built(name: string, parts: Partial<typeof PARTS> = {}): Promise<string> {
  const file = join(folder, `${name}.ensemble.ts`);
  writeFileSync(file, programOf({ ...PARTS, ...parts }));
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join("\n"));
  const out = join(folder, name);
  build(compiled, out);
  return join(out, "shop");
}

const planOf = (model: string) => parsePlan(readFileSync(join(model, "1", "plan.json"), "utf8"), "plan.json");

/** Whole runs of a plan: prices and scores of each list's candidates, from the store and the model. */
async function wholeRuns(model: string, lists: readonly { readonly age: number; readonly items: readonly number[] }[]) {
  const plan = planOf(model);
  const ordering = plan.steps.at(-1)!;
  const models = replayModels(join(model, ".."));
  const executable = await preparePlan(plan, { folder: join(model, "1"), models });
  const rows = rootRows(lists.length);
  const offsets = Int32Array.from(
    { length: lists.length + 1 },
    (_, l) => lists.slice(0, l).flatMap(({ items }) => items).length,
  );
  const floats = (value: (l: number) => number): Column => ({
    dtype: "float32",
    rows,
    values: Float32Array.from(lists, (_, l) => value(l)),
  });
  const ids = BigInt64Array.from(lists.flatMap(({ items }) => items.map(BigInt)));
  const inputs = new Map<string, Column>([
    ["age", floats(l => lists[l]!.age)],
    ["secret", floats(() => 0)],
    ["item_ids", { dtype: "int64", rows, values: ids, offsets }],
  ]);
  const result = await executable.run(inputs, { seed: 1n, parameters: new Map() });
  const values = (ref: { readonly step: string; readonly column: string }) => result.columnOf(ref.step, ref.column)!;
  const { relevance } = ordering.inputs as unknown as { relevance: [{ step: string; column: string }] };
  const price = values(plan.log!.columns.find(({ schema }) => schema.name === "item_price")!.ref);
  const found = {
    scores: [...(values(relevance[0]).values as Float64Array)],
    prices: [...(price.values as Float64Array)],
  };
  await executable.close();
  await models.close();
  return found;
}

const random = repeatable(3);
const lists = Array.from({ length: 40 }, () => ({
  age: Math.fround(20 + 40 * random()),
  items: [...new Set(Array.from({ length: 6 }, () => 10 + Math.floor(40 * random())))],
}));

/** The log of a uniform policy that showed two items of each list, with another ensemble's scores in a column. */
async function logOf(
  name: string,
  { scores, prices }: { scores: readonly number[]; prices: readonly number[] },
): Promise<string> {
  const random = repeatable(4);
  let at = 0;
  const rows = lists.flatMap(({ age, items }, l): Row[] => {
    const own = items.map((item, i) => ({ item, score: scores[at + i]!, item_price: prices[at + i]! }));
    at += items.length;
    const left = [...own];
    return own.map((_, k) => {
      const [one] = left.splice(
        draw(
          left.map(() => 1),
          random(),
        ),
        1,
      );
      const shown = k < 2;
      return {
        request_id: `r${String(l).padStart(3, "0")}`,
        request_row: 0,
        item: one!.item,
        position: shown ? k + 1 : null,
        propensity: shown ? 1 / (items.length - k) : null,
        reward: shown ? Number(random() < 0.3) : null,
        age,
        item_price: one!.item_price,
        whole_score: one!.score,
      };
    });
  });
  return writeRows(join(folder, name), rows, { age: "FLOAT", item_price: "FLOAT" });
}

const OPTIONS = { tuning: {}, samples: 30, seed: 1, level: 0.95 };

test.each([
  ["draw", PARTS.order, 1.5],
  ["ordering", "topK(score, { topk: 2 })", undefined],
])("a replayed %s has the probabilities of its whole runs' scores", async (name, order, temperature) => {
  const model = await built(name, { order });
  const whole = await wholeRuns(model, lists);
  const file = await logOf(`${name}.parquet`, whole);
  const candidate = await openCandidate(model);
  expect(candidate.rule).toEqual(temperature === undefined ? {} : { temperature });
  expect(candidate.columns.map(column => column.name).sort()).toEqual(["age", "item", "item_price"]);
  const replayed = await readLog([file], { policy: candidate, reward: "reward" });
  await candidate.close();
  const policy = { kind: "score", column: "whole_score", temperature } as const;
  const expected = await readLog([file], { policy, reward: "reward" });
  for (const [i, p] of expected.policy.entries()) expect(replayed.policy[i]).toBeCloseTo(p, 12);
  // Lists that the ordering would not show have probability 0; some are shown.
  expect(new Set(replayed.policy).size).toBeGreaterThan(1);
  expect(evaluate(replayed, OPTIONS).estimates[0]!.value).toBeCloseTo(
    evaluate(expected, OPTIONS).estimates[0]!.value,
    12,
  );
});

test.each<[string, Partial<typeof PARTS>, RegExp]>([
  ["no-log", { options: "{}" }, /`shop` has no `log`.*Give its `ensemble` the `log` of the ensemble that was served/],
  [
    "missing",
    { options: '{ log: { columns: [pairs["age"]], candidates: { all: 1 } } }' },
    /the scores of `shop` need `items\["item_price"\]`, which the log does not have\. Log it: `log: \{ columns: \[items\["item_price"\], …\], candidates: \{ all: 1 \} \}`/,
  ],
  [
    "hashed",
    {
      options:
        '{ log: { columns: [pairs[["age", "item_price"]]], candidates: { all: 1 }, personal: { age: "hash" } } }',
    },
    /need `request\["age"\]`, of which the log has a hash\. Take `age` out of `personal`, or score without it\.$/,
  ],
  [
    "capped",
    { order: 'limitPerGroup(score, pairs["item_id"], { max: 1, topk: 2 })' },
    /last step of `shop` is `ordering\.limitPerGroup`.*`softmaxSampling`, `epsilonGreedy` or `topK`/,
  ],
])("refuses %s", async (name, parts, message) => {
  const model = await built(name, parts);
  expect(() => scoringPlan(planOf(model))).toThrow(message);
});
