/** Feature columns → one matrix, nulls as NaN → the forest's predictions. */

import { cast, concat, flat, unsqueeze } from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { inlineModel } from "../../compiler/onnx/inline-model.js";
import type { Step } from "../../contract/plan.js";
import { readOnnxSignature } from "../../formats/onnx/onnx.js";
import { type LoweredColumn, toFloat64 } from "../shared/onnx/lowered-column.js";
import type { Lowering, StageOfModel } from "../shared/onnx/lowering.js";

export const predictForest: Lowering<"predictForest"> = (step, inputs, context) => {
  const { bytes, path } = context.model(step);
  const [input] = readOnnxSignature(bytes, path).inputs;
  const matrix = forestMatrix(context.g, step, inputs.input);
  const outputs = inlineModel(context, { bytes, path, label: step.label }, new Map([[input!.name, matrix]]));
  return [forestColumn(step, inputs.input[0], context.g, [...outputs.values()][0]!)];
};

export const forestStage: StageOfModel<"predictForest"> = step => ({
  model: step.params.model,
  columns: {},
  takesColumns: false,
  inParts: false,
  tensors: ({ g }, input, [matrix]) => new Map([[matrix!.name, forestMatrix(g, step, input)]]),
  outputOf: (_, [prediction]) => prediction!.name,
});

/** [n, features] */
function forestMatrix(g: GraphBuilder, step: Step<"predictForest">, input: readonly LoweredColumn[]): Value {
  const names = step.inputs.input.map(ref => ref.name);
  const { features, dtype } = step.params;
  return concat(
    g,
    features.map(name => unsqueeze(g, cast(g, toFloat64(g, input[names.indexOf(name)]!), dtype), 1)),
    1,
  );
}

function forestColumn(
  { outputs: [{ list }] }: Step<"predictForest">,
  { rows }: LoweredColumn,
  g: GraphBuilder,
  made: Value,
): LoweredColumn {
  const width = list?.min;
  return { dtype: "float32", rows, ...(width === undefined ? { values: flat(g, made) } : { values: made, width }) };
}
