/**
 * ONNX Runtime's random numbers for one step of a graph. It seeds them by the process and the node's position in its graph. Graphs of one shape
 * get the same seeds, so each draw makes its own numbers from them.
 */
import { createHash } from "node:crypto";
import { floor, mul, scalar, sub } from "../../../compiler/onnx/elementary.js";
import type { Value } from "../../../compiler/onnx/graph-builder.js";
import type { Step } from "../../../contract/plan.js";
import { KEEP, type LowerContext } from "./lowering.js";

/** A probability below this is not drawn as often as it says: on a CPU the numbers are made of 31 bits. */
export const FINEST_CHANCE = 1e-6;

type DrawingStep = Step<"softmaxSampling"> | Step<"epsilonGreedy"> | Step<"thompsonSampling">;

const WITHOUT_CHANCE: Readonly<Record<DrawingStep["op"], string>> = {
  softmaxSampling: 'take `mode: "greedy"`',
  epsilonGreedy: "write `epsilon: 0`",
  thompsonSampling: "write `scale: 0`",
};

/**
 * Refuses a step with an authored seed.
 * @param like float64 of any shape @returns float64 of this shape: independent numbers, uniform in 0 … 1
 */
export function randomNumbers({ g, program, note, fail }: LowerContext, step: DrawingStep, like: Value): Value {
  const { seed } = step.params;
  if (seed !== undefined)
    fail(
      `with \`seed: ${seed}\` every request draws the same, and ONNX Runtime's random numbers go on from request to request`,
      `Leave \`seed\` out, ${WITHOUT_CHANCE[step.op]}, or ${KEEP}.`,
    );
  note(
    `step \`${step.label}\` draws with ONNX Runtime's random numbers: the same distribution, and the request parameter \`seed\` does nothing.`,
  );
  const shared = g.op("RandomUniformLike", [like], "float64", { unique: true, attributes: { dtype: { int: 11 } } });
  const scaled = mul(g, shared, scalar(g, "float64", multiplier(program, step.id)));
  return sub(g, scaled, floor(g, scaled));
}

/**
 * An odd number below 2^20. The fraction of its product with a uniform number is uniform, says nothing of the fraction by another multiplier, and keeps 33 of
 * 53 bits.
 */
function multiplier(program: string, step: string): number {
  const bits =
    createHash("sha256")
      .update(JSON.stringify([program, step]))
      .digest()
      .readUInt32LE(0) %
    2 ** 18;
  return 2 ** 19 + 2 * bits + 1;
}
