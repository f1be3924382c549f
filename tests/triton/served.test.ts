// The shop and the samples, lowered to ONNX in both forms and served beside the executor: the same answers.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tensor } from "../plan/served-plan.js";
import { compiledProgram, expectAlike, type Served, serveForms } from "./both-servers.js";

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
