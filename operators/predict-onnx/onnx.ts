/** Columns bound to the tensors of the user's model → its outputs as columns; the model's own nodes are inlined into the graph. */

import {
  add,
  and,
  cast,
  concat,
  dim,
  expand,
  flat,
  gatherElements,
  guarded,
  int64,
  less,
  max,
  min,
  mul,
  not,
  range,
  reshape,
  scalar,
  sub,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { inlineModel } from "../../compiler/onnx/inline-model.js";
import type { Step } from "../../contract/plan.js";
import { type OnnxTensor, readOnnxSignature } from "../../formats/onnx/onnx.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { rangeOf } from "../clip/onnx.js";
import { fillFor } from "../fill-missing/onnx.js";
import { beyond } from "../reduce-dtype-size/onnx.js";
import { amongTaken, graphDtype, isFloat, isList, items, type LoweredColumn } from "../shared/onnx/lowered-column.js";
import { type LowerContext, type Lowering, LoweringFault, type StageOfModel } from "../shared/onnx/lowering.js";

export const predictOnnx: Lowering<"predictOnnx"> = (step, inputs, context) => {
  const { bytes, path } = context.model(step);
  const tensors = modelInputs(context, step, inputs.input, readOnnxSignature(bytes, path).inputs);
  const outputs = inlineModel(context, { bytes, path, label: step.label }, tensors);
  return modelColumns(context.g, step, inputs.input[0], outputs);
};

export const onnxStage: StageOfModel<"predictOnnx"> = step => {
  const { model, inputs, stack, constants, pad, batchSize } = step.params;
  return {
    model,
    columns: inputs,
    takesColumns: !(stack || constants || pad),
    inParts: batchSize !== undefined,
    tensors: (context, columns, wanted) => modelInputs(context, step, columns, wanted),
    outputOf: column => tensorOf(step, column),
  };
};

/** Every tensor that the model takes, in its dtype and shape. */
function modelInputs(
  { g }: LowerContext,
  step: Step<"predictOnnx">,
  input: readonly LoweredColumn[],
  wanted: readonly OnnxTensor[],
): ReadonlyMap<string, Value> {
  const names = step.inputs.input.map(ref => ref.name);
  const columnOf = (name: string) => input[names.indexOf(name)]!;
  const { stack, constants, pad, inputs: bound } = step.params;
  const { rows } = input[0]!;
  return new Map(
    wanted.map((tensor): [string, Value] => {
      const dtype = tensor.dtype as DType;
      // Half floats are bits here, so that their constants are written as floats.
      const plain = dtype === "float16" ? "float32" : dtype;
      const constant = constants?.[tensor.name];
      if (constant !== undefined) {
        const dims = tensor.shape.map((d, i) =>
          typeof d === "number" ? int64(g, d) : i === 0 ? rows.count : int64(g, 1),
        );
        const one = scalar(g, plain, fillFor(plain, constant));
        return [tensor.name, cast(g, expand(g, one, concat(g, dims)), dtype)];
      }
      const side = stack?.[tensor.name];
      if (side) {
        const parts = side.map(name => {
          const col = columnOf(name);
          const values = inDtype(g, step, col, name, dtype);
          return isList(col) ? values : unsqueeze(g, values, 1);
        });
        const matrix = concat(g, parts, 1);
        if (tensor.shape.length === 2) return [tensor.name, matrix];
        const dims = tensor.shape.slice(1).map(d => int64(g, d as number));
        return [tensor.name, reshape(g, matrix, concat(g, [rows.count, ...dims]))];
      }
      const name = bound[tensor.name]!;
      const col = columnOf(name);
      const padding = pad?.[tensor.name];
      if (padding) return [tensor.name, cast(g, padded(g, step, col, name, plain, tensor, padding), dtype)];
      const pair = tensor.shape.length === 1 && /__(values|offsets)$/.test(tensor.name);
      if (col.lengths || (pair && col.width !== undefined)) {
        const made = tensor.name.endsWith("__offsets") ? offsets(g, col, dtype) : flatItems(g, step, col, name, dtype);
        return [tensor.name, made];
      }
      const values = inDtype(g, step, col, name, dtype);
      return [tensor.name, tensor.shape.length === 2 && col.width === undefined ? unsqueeze(g, values, 1) : values];
    }),
  );
}

/** Values in the model's dtype. A null that is not a float, and an integer beyond the dtype, fail the request. */
function inDtype(g: GraphBuilder, step: Step<"predictOnnx">, col: LoweredColumn, name: string, dtype: DType): Value {
  const what = `step ${step.label} (predictOnnx): column ${name}`;
  let { values } = col;
  const list = isList(col);
  if (col.valid && !isFloat(col)) {
    const there = col.lengths && items(g, col);
    const gone = not(g, col.valid);
    values = guarded(g, values, amongTaken(g, there ? and(g, gone, there) : gone, col.rows, list), `${what} is null`);
  }
  const [from, to] = [datatype(col.dtype), datatype(dtype)];
  const narrower =
    (from.kind === "int" || from.kind === "uint") &&
    (to.kind === "int" || to.kind === "uint") &&
    !holds(dtype, col.dtype);
  if (narrower) {
    const outside = beyond(g, values, col.dtype, dtype);
    values = guarded(
      g,
      values,
      amongTaken(g, outside, col.rows, list),
      `${what} holds an integer that ${dtype} can not hold`,
    );
  }
  const exact = col.dtype === "uint64" && to.kind === "float" ? cast(g, values, "uint64") : values;
  return cast(g, exact, dtype);
}

function holds(wide: DType, narrow: DType): boolean {
  const [a, b] = [rangeOf(wide), rangeOf(narrow)];
  return a.min <= b.min && a.max >= b.max;
}

/** Items of lists, one list after the other. */
function flatItems(g: GraphBuilder, step: Step<"predictOnnx">, col: LoweredColumn, name: string, dtype: DType): Value {
  const values = inDtype(g, step, col, name, dtype);
  return col.lengths ? g.op("Compress", [flat(g, values), flat(g, items(g, col))], dtype) : flat(g, values);
}

/** The start of each list among the items, and the end of the last one: [rows + 1]. */
function offsets(g: GraphBuilder, { lengths, width, rows }: LoweredColumn, dtype: DType): Value {
  if (lengths)
    return cast(g, concat(g, [int64(g, 0), g.op("CumSum", [lengths, scalar(g, "int64", 0n)], "int64")]), dtype);
  return cast(g, mul(g, range(g, add(g, rows.count, int64(g, 1))), int64(g, width!)), dtype);
}

/** Lists as rows of a rectangle: on the left the latest items stay, on the right the first. */
function padded(
  g: GraphBuilder,
  step: Step<"predictOnnx">,
  col: LoweredColumn,
  name: string,
  dtype: DType,
  { shape }: OnnxTensor,
  { value, side }: { readonly value: number; readonly side: "left" | "right" },
): Value {
  const own = inDtype(g, step, col, name, dtype);
  const lengths = col.lengths!;
  const fixed = shape[1];
  const length = typeof fixed === "number" ? int64(g, fixed) : max(g, reduceMax(g, lengths), int64(g, 1));
  const places = unsqueeze(g, range(g, typeof fixed === "number" ? fixed : length), 0);
  const sizes = unsqueeze(g, lengths, 1);
  const kept = min(g, sizes, length);
  const [from, to] = side === "left" ? [sub(g, sizes, kept), sub(g, length, kept)] : [int64(g, 0), int64(g, 0)];
  const inside = and(g, not(g, less(g, places, to)), less(g, sub(g, places, to), kept));
  const last = sub(g, dim(g, own, 1), int64(g, 1));
  const at = max(g, min(g, add(g, sub(g, places, to), from), last), int64(g, 0));
  const full = expand(g, at, concat(g, [col.rows.count, length]));
  return where(g, inside, gatherElements(g, own, full), scalar(g, dtype, value));
}

const reduceMax = (g: GraphBuilder, a: Value): Value =>
  g.op("ReduceMax", [a, int64(g, 0)], a.dtype, { attributes: { keepdims: { int: 1 } } });

/** The model's output that becomes a column of the step. */
function tensorOf({ label, params: { outputs } }: Step<"predictOnnx">, column: string): string {
  const tensor = Object.hasOwn(outputs, column) ? outputs[column] : undefined;
  if (tensor !== undefined) return tensor;
  throw new LoweringFault(
    `step \`${label}\` (predictOnnx) has no tensor of column \`${column}\``,
    "Build the ensemble again.",
  );
}

/** @param made what the model answers, by tensor */
function modelColumns(
  g: GraphBuilder,
  step: Step<"predictOnnx">,
  { rows }: LoweredColumn,
  made: ReadonlyMap<string, Value>,
): LoweredColumn[] {
  return step.outputs.map(({ name, dtype, list }) => {
    const values = cast(g, made.get(tensorOf(step, name))!, graphDtype(dtype));
    if (list) return { dtype, rows, values, width: list.min };
    return { dtype, rows, values: flat(g, values) };
  });
}
