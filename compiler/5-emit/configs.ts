/**
 * Plan → what its entry model is; ONNX graph → config.pbtxt of the model that holds it.
 */

import { columnsAt } from "../../contract/any-step.js";
import { type TensorConfig, tensor } from "../../contract/column-tensors.js";
import type { Entry } from "../../contract/entry-config.js";
import type { AnyStep, Plan } from "../../contract/plan.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "../../contract/schema.js";
import { factsOf, groupsRows, sidesOf } from "../../contract/step-facts.js";
import type { OnnxSignature, OnnxTensor } from "../../formats/onnx/onnx.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { ModelConfigInit } from "../../triton-protos/model-config.js";

/** The convention for names of the entry and its tensors. */
export type Names = "merlon" | "merlin";

/** Most items per request row that a step's rows can hold, where its parameters say so. */
const bound = (step: AnyStep | undefined): number | undefined =>
  step && "topk" in step.params ? step.params.topk : undefined;

/**
 * Whether the entry can have a batch dimension: every column fits into `[batch, …]`. Lists without a bound need the pair `c__values`,
 * `c__offsets`, which has no batch dimension.
 */
export const canBatch = (plan: Plan): boolean => columnWithoutBatch(plan) === undefined;

/** A column of the request or the answer that does not fit into a batch. */
export function columnWithoutBatch(plan: Plan): ColumnSchema | undefined {
  const fits = (c: ColumnSchema) =>
    !isRagged(c) && (c.rows === REQUEST_ROWS || (!c.list && rowBound(plan, c.rows) !== undefined));
  return [...plan.inputs, ...plan.outputs.map(o => o.schema)].find(c => !fits(c));
}

/** Bound of rows made by a step. */
function rowBound(plan: Plan, rows: string): number | undefined {
  const step = plan.steps.find(s => s.id === rows);
  if (!step) return undefined;
  const { filters, gathers } = factsOf(step.op);
  if (filters) return boundAt(plan, step, "input");
  const sides = gathers ? undefined : sidesOf(step);
  if (!sides) return bound(step);
  // A row has the candidates of one side.
  const bounds = sides.map(side => boundAt(plan, step, side));
  return bounds.every(one => one !== undefined) ? Math.max(...bounds) : undefined;
}

/** Bound of the candidates that a step reads at a port. */
function boundAt(plan: Plan, step: AnyStep, port: string): number | undefined {
  const candidates = columnsAt(step, port)?.[0];
  const made = plan.steps.find(s => s.id === candidates?.step)?.outputs.find(c => c.name === candidates?.column);
  return made && rowBound(plan, made.rows);
}

/** @param names Merlin's executor has no batch dimension, and a name of its own */
export function entryOf(plan: Plan, maxBatchSize: number, names: Names, layout: "executor" | "ensemble"): Entry {
  const groups = answersGroups(plan);
  if (names === "merlin") return { name: `${layout}_model`, maxBatchSize: 0, form: groups ? "rows" : "merlin" };
  const batches = maxBatchSize > 0 && canBatch(plan);
  const form = groups ? "rows" : batches ? "batched" : "unbatched";
  return { name: plan.name, maxBatchSize: batches ? maxBatchSize : 0, form };
}

/**
 * True where all that is answered is about groups of a workflow. A group has rows of several request rows. Offsets of the request's rows
 * would thus be wrong, and would be read as those of the groups' lists.
 */
function answersGroups({ steps, outputs }: Plan): boolean {
  const [rows, ...others] = new Set(outputs.map(({ schema }) => schema.rows));
  const step = steps.find(({ id }) => id === rows);
  return others.length === 0 && step !== undefined && groupsRows(step);
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
