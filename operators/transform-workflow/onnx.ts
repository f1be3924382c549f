/** A fitted workflow, step by step in the same graph. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expandFused } from "../../contract/expand-fused.js";
import { zip } from "../../contract/lists.js";
import { parsePlan, REQUEST_STEP } from "../../contract/plan.js";
import type { LoweredColumn } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const transformWorkflow: Lowering<"transformWorkflow"> = (step, { input }, context) => {
  const at = step.artefacts.workflow;
  const file = context.file(at);
  const plan = expandFused(parsePlan(readFileSync(file, "utf8"), at));
  const inside = { ...context, file: (path: string) => join(dirname(file), path) };
  const columns = new Map<string, LoweredColumn>(
    zip(step.inputs.input, input).map(([{ name }, col]) => [`${REQUEST_STEP}\n${name}`, col]),
  );
  for (const inner of plan.steps) {
    const made = context.g.within(inner.id, () =>
      context.lowerStep(inner, ref => columns.get(`${ref.step}\n${ref.column}`)!, inside),
    );
    for (const [{ name }, col] of zip(inner.outputs, made)) columns.set(`${inner.id}\n${name}`, col);
  }
  return step.outputs.map(({ name }) => {
    const { ref } = plan.outputs.find(output => output.schema.name === name)!;
    return columns.get(`${ref.step}\n${ref.column}`)!;
  });
};
