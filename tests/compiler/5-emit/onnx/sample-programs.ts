/** Programs that are lowered for a stock Triton in tests: the shop and the samples, without random steps and steps without a lowering. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { lowered } from "#compiler/5-emit/build.js";
import type { AnyStep } from "#contract/plan.js";
import { withoutChance } from "#contract/step-facts.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { compiledProgram, type Program } from "./both-servers.js";

const ROOT = join(import.meta.dirname, "../../../..");
export const SHOP = join(ROOT, "examples/shop/recommend.ensemble.ts");
const SAMPLES = join(ROOT, "tests/samples");
export const SAMPLE_NAMES = readdirSync(SAMPLES).filter(
  name =>
    /^(ensemble|merlin)-/.test(name) &&
    !name.endsWith("-method") &&
    existsSync(join(SAMPLES, name, "main.ensemble.ts")),
);
export const sampleProgram = (name: string): Promise<Program> =>
  compiledProgram(join(SAMPLES, name, "main.ensemble.ts"));

/** The draw is random, its order by score is not; and a step without a lowering becomes the fix of its refusal. */
export function withoutTheRefused(program: Program): Program {
  const steps = program.plan.steps.map((step): AnyStep => {
    const settled = withoutChance(step);
    if (settled) return settled;
    if (step.op === "queryFeast") {
      const { ttl: _, ...params } = step.params;
      return { ...step, params };
    }
    if (step.op === "filterCandidates" && step.inputs.seen) {
      const { seen: _, ...inputs } = step.inputs;
      return { ...step, inputs: { ...inputs, filterOut: [{ name: "list", step: "request", column: "popular_ids" }] } };
    }
    return step;
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

/** The compiler's message about a program that can't be lowered, in one of the forms; "" for one that can. */
export function refusalOf(program: Program): string {
  try {
    lowered(program, {}, { freeze: freezeFeatures, fuse: true });
    lowered(program, {}, { freeze: freezeFeatures });
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}
