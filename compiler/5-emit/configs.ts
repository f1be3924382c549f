/**
 * Plan → config.pbtxt of its entry model; ONNX graph → config.pbtxt of the model that holds it.
 */
import type { OnnxSignature, OnnxTensor } from "../../triton-protos/artefacts/onnx.js";
import { type ConfigType, type DType, datatype } from "../../triton-protos/datatype.js";
import type { ModelConfigInit } from "../../triton-protos/model-config.js";
import type { AnyStep, Plan } from "../../triton-protos/plan.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "../../triton-protos/schema.js";

export interface TensorConfig {
  readonly name: string;
  readonly data_type: ConfigType;
  readonly dims: readonly number[];
}
export const tensor = (name: string, dtype: DType, dims: readonly number[]): TensorConfig => ({
  name,
  data_type: datatype(dtype).config,
  dims: [...dims],
});

/** Most items per request row that a step's rows can hold, where its parameters say so. */
const bound = (step: AnyStep | undefined): number | undefined =>
  step && "topk" in step.params ? step.params.topk : undefined;

/**
 * Whether the entry can have a batch dimension: every column fits into `[batch, …]`. Lists without a bound need the pair `c__values`,
 * `c__offsets`, which has no batch dimension.
 */
export function canBatch(plan: Plan): boolean {
  const fits = (c: ColumnSchema) =>
    !isRagged(c) && (c.rows === REQUEST_ROWS || (!c.list && rowBound(plan, c.rows) !== undefined));
  return plan.inputs.every(fits) && plan.outputs.every(o => fits(o.schema));
}

/** Bound of rows made by a step; a filter keeps the bound of what it filters. */
function rowBound(plan: Plan, rows: string): number | undefined {
  const step = plan.steps.find(s => s.id === rows);
  if (step?.op !== "filterCandidates" && step?.op !== "filter") return bound(step);
  const candidates = step.inputs.input?.[0];
  const made = plan.steps.find(s => s.id === candidates?.step)?.outputs.find(c => c.name === candidates?.column);
  return made && rowBound(plan, made.rows);
}

/** @param maxBatchSize 0 serves without a batch dimension */
export function entryConfig(plan: Plan, maxBatchSize: number): ModelConfigInit {
  const batches = maxBatchSize > 0 && canBatch(plan);
  return {
    name: plan.name,
    backend: "merlon",
    max_batch_size: batches ? maxBatchSize : 0,
    input: plan.inputs.flatMap(batches ? batched : unbatched),
    output: entryTensors(plan.outputs, batches),
  };
}

/** Tensors that answers leave in, dims without the batch dimension. */
export const entryTensors = (outputs: Plan["outputs"], batches: boolean): TensorConfig[] =>
  outputs.flatMap(({ schema }) => (batches ? batched : unbatched)(schema));

/** dims without the batch dimension: `[1]` a scalar, `[n]` a vector, `[-1]` a row's candidates, padded to the longest row. */
function batched(col: ColumnSchema): TensorConfig[] {
  if (col.rows !== REQUEST_ROWS) return [tensor(col.name, col.dtype, [-1])];
  return [tensor(col.name, col.dtype, [col.list ? col.list.min : 1])];
}

function unbatched(col: ColumnSchema): TensorConfig[] {
  const ragged = isRagged(col) || col.rows !== REQUEST_ROWS;
  if (ragged) return [tensor(`${col.name}__values`, col.dtype, [-1]), tensor(`${col.name}__offsets`, "int32", [-1])];
  return [tensor(col.name, col.dtype, col.list ? [-1, col.list.min] : [-1])];
}

/** Full shapes and no batch dimension of Triton's own: rows are candidates of any number of users. */
export function onnxConfig(name: string, signature: OnnxSignature): ModelConfigInit {
  const describe = (t: OnnxTensor): TensorConfig =>
    tensor(
      t.name,
      t.dtype as DType,
      t.shape.map(d => (typeof d === "number" ? d : -1)),
    );
  return {
    name,
    backend: "onnxruntime",
    max_batch_size: 0,
    input: signature.inputs.map(describe),
    output: signature.outputs.map(describe),
  };
}
