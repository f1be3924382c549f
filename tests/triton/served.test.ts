// The shop and the samples, lowered to ONNX in both forms and served beside the executor: the same answers.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lowered } from "#compiler/5-emit/build.js";
import { canBatch } from "#compiler/5-emit/configs.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { tensor } from "../plan/served-plan.js";
import { compiledProgram, expectAlike, type Program, requestOf, type Served, serveForms } from "./both-servers.js";

const ROOT = join(import.meta.dirname, "../..");

const users = (...ids: number[]) => [tensor("user_id", "int64", [ids.length, 1], ids.map(BigInt))];

describe("the shop, greedy", () => {
  let served: Served;
  beforeAll(async () => {
    const program = await compiledProgram(join(ROOT, "examples/shop/recommend.ensemble.ts"));
    // The draw is by chance; its order by score is not.
    const steps = program.plan.steps.map(step =>
      step.op === "softmaxSampling" ? { ...step, params: { ...step.params, mode: "greedy" as const } } : step,
    );
    served = await serveForms([{ ...program, plan: { ...program.plan, steps } }]);
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
  });
});

describe("the samples", () => {
  const SAMPLES = join(ROOT, "tests/samples");
  const names = readdirSync(SAMPLES).filter(name => /^(ensemble|merlin)-/.test(name) && !name.endsWith("-method"));
  /** What is not lowered, and the beginning of why. */
  const REFUSED: Readonly<Record<string, RegExp>> = {
    "ensemble-changes-rows": /./,
    "ensemble-fallback": /takes another branch/,
    "ensemble-ordering": /chooses one candidate after the other/,
  };

  test("each answers as the executor does, or is refused with a reason and a way out", async () => {
    const programs: Program[] = [];
    for (const name of names) {
      const program = await compiledProgram(join(SAMPLES, name, "main.ensemble.ts"));
      const steps = program.plan.steps.map(step =>
        step.op === "softmaxSampling" ? { ...step, params: { ...step.params, mode: "greedy" as const } } : step,
      );
      const greedy = { ...program, plan: { ...program.plan, steps } };
      try {
        lowered(greedy, {}, { freeze: freezeFeatures, fuse: true });
        lowered(greedy, {}, { freeze: freezeFeatures });
        if (!programs.some(p => p.plan.name === greedy.plan.name)) programs.push(greedy);
      } catch (error) {
        expect([name, (error as Error).message]).toEqual([name, expect.stringMatching(REFUSED[name] ?? /^never$/)]);
      }
    }
    expect(programs.length).toBeGreaterThan(names.length / 2);
    const served = await serveForms(programs);
    try {
      for (const { plan } of programs)
        for (const rows of [1, 3]) {
          const tensors = requestOf(plan, canBatch(plan), rows);
          const executor = await served.ask("executor", plan.name, tensors);
          expectAlike(await served.ask("fused", plan.name, tensors), executor, [plan.name, "fused", rows]);
          expectAlike(await served.ask("steps", plan.name, tensors), executor, [plan.name, "steps", rows]);
        }
    } finally {
      await served.stop();
    }
  }, 120_000);
});
