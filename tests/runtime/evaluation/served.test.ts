// The closed loop: a served ensemble logs its exposures, and an evaluation of the same ensemble on this log finds what was logged.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import { joinFeedback } from "#runtime/etl/feedback/join.js";
import { evaluate } from "#runtime/evaluation/evaluate.js";
import { openCandidate } from "#runtime/evaluation/open-candidate.js";
import { readLog } from "#runtime/evaluation/read-log.js";
import { startServer } from "../server/support.js";
import "../../needs/built.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-loop-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = (factor: number) => `
import { ensemble, explode, lambdaOp, softmaxSampling, source, unrollFeatures } from "merlon";
const request = source({ item_ids: "list<int64>", age: "float32" });
const items = request["item_ids"] >> explode();
const pairs = items >> unrollFeatures("candidate_ids", request["age"]);
const score = pairs[["candidate_ids", "age"]] >> lambdaOp((candidate_ids, age) => candidate_ids * ${factor} + age * 0.01, { name: "liking", dtype: "float64" });
const ordering = pairs["candidate_ids"] >> softmaxSampling(score, { topk: 2, temperature: 1 });
export default ensemble("shop", ordering, { log: { columns: [request["age"]], candidates: { all: 1 } } });
`;

async function built(name: string, factor: number): Promise<string> {
  writeFileSync(join(folder, `${name}.ensemble.ts`), program(factor));
  const compiled = await compile(join(folder, `${name}.ensemble.ts`));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  build(compiled, join(folder, name));
  return join(folder, name);
}

test("the served ensemble has weights of 1, and another one the ratio of its probabilities", async () => {
  const served = await built("served", 0.1);
  const server = await startServer(served, { exposures: { folder: join(folder, "log") } });
  const events = ["request_id,item,time"];
  for (let i = 0; i < 60; i++) {
    const { status, body } = await server.post("/v2/models/shop/infer", {
      id: `q${i}`,
      inputs: [
        { name: "age", datatype: "FP32", shape: [1], data: [20 + i] },
        { name: "item_ids__values", datatype: "INT64", shape: [4], data: [1, 2, 3, 4 + i] },
        { name: "item_ids__offsets", datatype: "INT32", shape: [2], data: [0, 4] },
      ],
    });
    expect([status, body]).toEqual([200, expect.anything()]);
    const { outputs } = body as { readonly outputs: readonly { name: string; data: readonly number[] }[] };
    const shown = outputs.find(({ name }) => name === "ordered_ids__values")!.data;
    if (i % 2) events.push(`q${i},${shown[0]},${new Date().toISOString()}`);
  }
  await server.stop();
  writeFileSync(join(folder, "clicks.csv"), `${events.join("\n")}\n`);
  const joined = join(folder, "joined.parquet");
  const options = { window: 3600, clockSkew: 60, attribution: "last", notShown: true } as const;
  await joinFeedback([join(folder, "log", "shop")], [join(folder, "clicks.csv")], joined, options);
  const read = async (repository: string) => {
    const candidate = await openCandidate(join(repository, "shop"));
    const log = await readLog([joined], { policy: candidate, reward: "reward" });
    await candidate.close();
    return log;
  };
  const own = await read(served);
  expect(own.reward.reduce((total, reward) => total + reward, 0)).toBe(30);
  for (const [i, p] of own.propensity.entries()) expect(own.policy[i]).toBeCloseTo(p, 12);
  const same = evaluate(own, { tuning: {}, samples: 50, seed: 1, level: 0.95 });
  expect(same.logged.value).toBe(0.5);
  expect(same.estimates[0]!.value).toBeCloseTo(0.5, 12);
  expect(same.weakest.effectiveSampleSize).toBeCloseTo(60, 9);
  const other = await read(await built("other", 0.3));
  expect(other.propensity).toEqual(own.propensity);
  expect(Math.max(...other.policy.map((p, i) => Math.abs(p - own.policy[i]!)))).toBeGreaterThan(0.1);
}, 120_000);
