/** Why a plan can't become ONNX graphs: all of its steps that stand in the way. */
import type { AnyStep } from "../../../contract/plan.js";
import { faultOf, type LoweringFault } from "../../../operators/shared/onnx/lowering.js";
import { refsOf } from "../ensemble/refs.js";

/** A whole plan that can't be lowered: every step that stands in the way. */
export class NotLoweredError extends Error {
  override readonly name = "NotLoweredError";
  constructor(
    program: string,
    readonly faults: readonly LoweringFault[],
  ) {
    super(
      `\`${program}\` can't be built for a stock Triton:\n${faults.map(({ reason, way }) => `  ${reason}.\n    ${way}`).join("\n")}`,
    );
  }
}

/**
 * Lowers each step that does not read one with a fault.
 * @throws NotLoweredError naming every step that has no lowering and does not stand behind another one
 */
export function lowerEach(program: string, steps: readonly AnyStep[], lower: (step: AnyStep) => void): void {
  const faults: LoweringFault[] = [];
  const failed = new Set<string>();
  for (const step of steps) {
    if (refsOf(step).some(ref => failed.has(ref.step))) {
      failed.add(step.id);
      continue;
    }
    try {
      lower(step);
    } catch (error) {
      const fault = faultOf(error, step.id);
      if (!fault) throw error;
      faults.push(fault);
      failed.add(step.id);
    }
  }
  if (faults.length > 0) throw new NotLoweredError(program, faults);
}
