/** The steps of a plan that have no ONNX graph, collected before any is reported. */
import { columnsReadBy } from "../../../contract/any-step.js";
import type { AnyStep } from "../../../contract/plan.js";
import { faultOf, type LoweringFault } from "../../../operators/shared/onnx/lowering.js";

/** A plan that can't be lowered, with the fault of each step. */
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
 * Lowers each step, except those that read from a step with a fault.
 * @throws NotLoweredError with the faults of all steps
 */
export function lowerEach<S extends AnyStep>(program: string, steps: readonly S[], lower: (step: S) => void): void {
  const faults: LoweringFault[] = [];
  const failed = new Set<string>();
  for (const step of steps) {
    if (columnsReadBy(step).some(ref => failed.has(ref.step))) {
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
