/**
 * A step that runs the author's model → its stages: that model, and a graph that makes its inputs if columns do not fit directly.
 */

import type { AnyStep } from "../../../contract/plan.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import type { OnnxTensor } from "../../../formats/onnx/onnx.js";
import type { ModelStage } from "../../../operators/shared/onnx/lowering.js";
import { placeKey } from "../ensemble/refs.js";
import type { Stage } from "../ensemble/target.js";
import { contextOf } from "./lower-plan.js";
import type { OnnxStages } from "./onnx-stages.js";

export function modelStages(stages: OnnxStages, step: AnyStep, of: ModelStage): readonly Stage[] {
  const { inputs } = stages.split.signature(step);
  const direct = directInputs(stages, step, of, inputs);
  const made =
    direct ?? Object.fromEntries(inputs.map(t => [t.name, stages.split.tensorName(`${step.id}.${t.name}.in`)]));
  const before = direct ? [] : [inputStage(stages, step, of, made)];
  return [...before, { model: of.model, inputs: made, outputs: outputsOf(stages, step, of) }];
}

/** A graph that makes every input of the model. @param names of the tensors, by the model's */
function inputStage(
  { split, options, ...stages }: OnnxStages,
  step: AnyStep,
  of: ModelStage,
  names: Readonly<Record<string, string>>,
): Stage {
  const { inputs } = split.signature(step);
  return stages.stage(`${step.id}_inputs`, undefined, at => {
    const columns = step.inputs.input.map(ref => stages.columnIn(at, ref));
    const made = of.tensors(contextOf(at.g, step, options), columns, inputs);
    for (const t of inputs) at.write({ name: names[t.name]!, dims: dimsOf(t) }, made.get(t.name)!);
  });
}

/** The model's outputs that are read, as tensors of the ensemble. */
function outputsOf({ split, columns }: OnnxStages, step: AnyStep, of: ModelStage): Record<string, string> {
  const signature = split.signature(step);
  const [first] = step.inputs.input;
  const rows = columns.get(placeKey(first))?.column.rows ?? REQUEST_ROWS;
  const outputs: Record<string, string> = {};
  for (const schema of step.outputs) {
    const place = { step: step.id, column: schema.name };
    if (!split.isRead(place)) continue;
    const from = of.outputOf(schema.name, signature.outputs);
    const dims = dimsOf(signature.outputs.find(output => output.name === from)!);
    const name = split.nameOf(place);
    outputs[from] = name;
    columns.set(placeKey(place), {
      column: { ...schema, name, rows },
      tensors: [{ name, dtype: schema.dtype, part: "values", dims }],
    });
  }
  return outputs;
}

const dimsOf = ({ shape }: OnnxTensor): number[] => shape.map(d => (typeof d === "number" ? d : -1));

/** The ensemble's tensors, if every input of the model is one of them unchanged. */
function directInputs(
  { columns }: OnnxStages,
  step: AnyStep,
  { takesColumns, columns: bound }: ModelStage,
  inputs: readonly OnnxTensor[],
): Record<string, string> | undefined {
  if (!takesColumns) return undefined;
  const found: Record<string, string> = {};
  for (const wanted of inputs) {
    const ref = step.inputs.input.find(one => one.name === bound[wanted.name]);
    const [values, ...others] = (ref && columns.get(placeKey(ref)))?.tensors ?? [];
    const fits =
      values && others.length === 0 && values.dtype === wanted.dtype && values.dims.join() === dimsOf(wanted).join();
    if (!fits) return undefined;
    found[wanted.name] = values.name;
  }
  return found;
}
