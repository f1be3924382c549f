// The shop and the samples, lowered to ONNX in both forms and served beside the executor: the same answers.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lowered } from "#compiler/5-emit/build.js";
import { canBatch } from "#compiler/5-emit/configs.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import type { AnyStep } from "#triton-protos/plan.js";
import { requestOf } from "../plan/sample-request.js";
import { tensor } from "../plan/served-plan.js";
import { compiledProgram, expectAlike, type Program, STOCK, type Served, serveForms } from "./both-servers.js";

const CLASH = /answers `\w+`, .* another column of that name.*rename the answer/;
const ROOT = join(import.meta.dirname, "../..");

/** The draw is by chance, its order by score is not; and what has no lowering becomes what its refusal offers. */
function withoutTheRefused(program: Program): Program {
  const steps = program.plan.steps.map((step): AnyStep => {
    if (step.op === "softmaxSampling") return { ...step, params: { ...step.params, mode: "greedy" } };
    if (step.op === "limitPerGroup") return { ...step, params: { ...step.params, atLeast: {} } };
    if (step.op === "queryFeast") {
      const { ttl: _, ...params } = step.params;
      return { ...step, params };
    }
    if (step.op !== "diversify") return step;
    const { input, relevance } = step.inputs;
    return {
      ...step,
      op: "topK",
      params: { topk: step.params.topk },
      inputs: { input: input!, relevance: relevance! },
    };
  });
  const outputs = program.plan.outputs.map(({ ref, schema }) => ({
    ref,
    schema:
      program.plan.inputs.some(c => c.name === schema.name) && ref.step !== "request"
        ? { ...schema, name: `${schema.name}_out` }
        : schema,
  }));
  return { ...program, plan: { ...program.plan, steps, outputs } };
}

const users = (...ids: number[]) => [tensor("user_id", "int64", [ids.length, 1], ids.map(BigInt))];

describe("the shop, greedy", () => {
  let served: Served;
  beforeAll(async () => {
    const program = await compiledProgram(join(ROOT, "examples/shop/recommend.ensemble.ts"));
    served = await serveForms([withoutTheRefused(program)]);
  }, 60_000);
  afterAll(() => served.stop());

  test.each([
    ["one user", [512300022]],
    ["a batch, a stranger among them", [512300022, 512300042, 1, 512300091]],
    ["a large batch", Array.from({ length: 64 }, (_, i) => 512300022 + i)],
  ])("answers the same: %s", async (_, ids) => {
    const [executor, steps, fused] = await Promise.all(
      (["executor", "steps", "fused"] as const).map(form => served.ask(form, "recommend", users(...ids))),
    );
    expectAlike(fused!, executor!, "fused");
    expectAlike(steps!, executor!, "steps");
    for (const form of STOCK)
      expectAlike(await served.askStock(form, "recommend", users(...ids)), executor!, `${form}, stock`);
  });
  test("the ONNX Runtime of Triton is the one that the documentation names", () => {
    expect(served.onnxruntime).toMatch(/^1\.21\./);
  });
});

describe("the samples", () => {
  const SAMPLES = join(ROOT, "tests/samples");
  const names = readdirSync(SAMPLES).filter(name => /^(ensemble|merlin)-/.test(name) && !name.endsWith("-method"));
  /** What is not lowered, and why. */
  const REFUSED: Readonly<Record<string, RegExp>> = {
    "ensemble-branches": /`found\.choose` .* runs a branch only where a row takes it.*\n.*keep the Merlon runtime/,
    "ensemble-changes-rows": CLASH,
    "ensemble-embedding": /`varied\.diversify` .* chooses one candidate after the other.*\n.*keep the Merlon runtime/,
    "ensemble-implicit": /`liked\.predictImplicit` .* factors are searched by the runtime.*\n.*keep the Merlon runtime/,
    "ensemble-fallback": /takes another branch when one fails/,
    "ensemble-feast-many":
      /newest value of view `item_features` .* older than its ttl of 86400 s.*merlon feast materialize/,
    "ensemble-remove-inputs": CLASH,
    "ensemble-subgraph": CLASH,
    "ensemble-ordering": /`atLeast` keeps places[\s\S]*chooses one candidate after the other/,
  };
  const refusalOf = (program: Program): string => {
    try {
      lowered(program, {}, { freeze: freezeFeatures, fuse: true });
      lowered(program, {}, { freeze: freezeFeatures });
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };

  test("each answers as the executor does, or is refused with a reason and a way out", async () => {
    const programs: Program[] = [];
    const refusals: [string, string][] = [];
    for (const name of names) {
      const program = await compiledProgram(join(SAMPLES, name, "main.ensemble.ts"));
      const refusal = refusalOf(program);
      refusals.push([name, refusal]);
      const simple = withoutTheRefused(program);
      if (refusalOf(simple) === "" && !programs.some(p => p.plan.name === simple.plan.name)) programs.push(simple);
    }
    expect(refusals).toEqual(names.map(name => [name, REFUSED[name] ? expect.stringMatching(REFUSED[name]) : ""]));
    expect(programs.length).toBeGreaterThan(names.length / 2);
    const served = await serveForms(programs);
    try {
      for (const { plan } of programs)
        for (const rows of [1, 3]) {
          const tensors = requestOf(plan, canBatch(plan), rows);
          const executor = await served.ask("executor", plan.name, tensors);
          expectAlike(await served.ask("fused", plan.name, tensors), executor, [plan.name, "fused", rows]);
          expectAlike(await served.ask("steps", plan.name, tensors), executor, [plan.name, "steps", rows]);
          for (const form of STOCK)
            expectAlike(await served.askStock(form, plan.name, tensors), executor, [plan.name, form, rows, "stock"]);
        }
    } finally {
      await served.stop();
    }
  }, 120_000);
});
