/** A fitted workflow, step by step in the same graph. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expandFused } from "../../contract/expand-fused.js";
import { parsePlan, REQUEST_STEP } from "../../contract/plan.js";
import type { LoweredColumn } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const transformWorkflow: Lowering<"transformWorkflow"> = (step, { input = [] }, context) => {
  const at = step.artefacts!.workflow!;
  const file = context.file(at);
  const plan = expandFused(parsePlan(readFileSync(file, "utf8"), at));
  const inside = { ...context, file: (path: string) => join(dirname(file), path) };
  const columns = new Map<string, LoweredColumn>(
    step.inputs.input!.map((ref, i) => [`${REQUEST_STEP}\n${ref.name}`, input[i]!]),
  );
  for (const inner of plan.steps) {
    const made = context.g.within(inner.id, () =>
      context.lowerStep(inner, ref => columns.get(`${ref.step}\n${ref.column}`)!, inside),
    );
    made.forEach((col, i) => {
      columns.set(`${inner.id}\n${inner.outputs[i]!.name}`, col);
    });
  }
  return step.outputs.map(({ name }) => {
    const { ref } = plan.outputs.find(output => output.schema.name === name)!;
    return columns.get(`${ref.step}\n${ref.column}`)!;
  });
};
