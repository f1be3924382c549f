/**
 * Plan → the shared part of its ensemble's stages: the steps, the columns between them, and the names of models and tensors.
 */

import { columnsReadBy } from "../../../contract/any-step.js";
import { tensorNames } from "../../../contract/column-tensors.js";
import type { Entry } from "../../../contract/entry-config.js";
import {
  type AnyStep,
  type ColumnRef,
  type FittedPlan,
  type FittedStep,
  type Plan,
  REQUEST_STEP,
} from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import { type OnnxSignature, readOnnxSignature } from "../../../formats/onnx/onnx.js";
import { modelStageOf } from "../../../operators/lowerings.js";
import type { InferredStep } from "../../3-graph/infer.js";
import { columnsOf, liveSteps, type Place, placeKey } from "./refs.js";
import { uniqueNames } from "./unique-names.js";

export interface StageSplit {
  readonly plan: FittedPlan;
  readonly entry: Entry;
  /** The program's steps, as far as the plan has them. */
  readonly steps: readonly InferredStep[];
  /** Steps that an answer depends on, in order. */
  readonly live: readonly FittedStep[];
  /** Columns of the request that no step reads. Some model must take them: Triton refuses unused inputs of an ensemble. */
  readonly unread: readonly ColumnRef[];
  /** The program's step. */
  inferred(step: AnyStep): InferredStep;
  column(ref: Place): ColumnSchema;
  /** Whether a step or an answer reads the column. */
  isRead(ref: Place): boolean;
  /** Name of a new model: letters, digits and `_`. */
  modelName(label: string): string;
  /** The column's name in the ensemble; its tensors are named after it. A column of the request keeps its own. */
  nameOf(ref: Place): string;
  /** Name of a tensor that is not a column's; the same for the same stem. */
  tensorName(stem: string): string;
  /** Rank of the input of the first model that reads the column; undefined if none does. */
  rankOf(ref: Place): number | undefined;
  /** The signature of the step's model. */
  signature(step: AnyStep): OnnxSignature;
}

export function splitIntoStages(plan: FittedPlan, steps: readonly InferredStep[], entry: Entry): StageSplit {
  const inferred = new Map(steps.map(step => [step.id, step]));
  const live = liveSteps(plan);
  const consumed = new Set(live.flatMap(step => columnsReadBy(step).map(placeKey)));
  const read = new Set([...consumed, ...plan.outputs.map(({ ref }) => placeKey(ref))]);
  const models = live.flatMap(step => ("model" in step.params ? [step.params.model] : []));
  const modelName = uniqueNames([plan.name, entry.name, ...models]);
  const signatures = new Map<string, OnnxSignature>();
  const signature = (step: AnyStep): OnnxSignature => {
    const { from, bytes } = inferred.get(step.id)!.model!;
    const known = signatures.get(step.id) ?? readOnnxSignature(bytes ?? from, from);
    signatures.set(step.id, known);
    return known;
  };
  const ranks = ranksOf(live, signature);
  const names = tensorsOf(plan, live);
  return {
    plan,
    entry,
    steps,
    live,
    unread: plan.inputs
      .map(({ name }): ColumnRef => ({ name, step: REQUEST_STEP, column: name }))
      .filter(ref => !consumed.has(placeKey(ref))),
    inferred: step => inferred.get(step.id)!,
    column: columnsOf(plan),
    isRead: ref => read.has(placeKey(ref)),
    modelName: label => modelName(`${plan.name}_${label.replace(/\W+/g, "_")}`),
    ...names,
    rankOf: ref => ranks.get(placeKey(ref)),
    signature,
  };
}

/** Names that no tensor of the request, of an answer or of another step has. */
function tensorsOf({ inputs, outputs }: Plan, live: readonly AnyStep[]): Pick<StageSplit, "nameOf" | "tensorName"> {
  const taken = [...inputs, ...outputs.map(({ schema }) => schema)].flatMap(({ name }) => tensorNames(name));
  const unique = uniqueNames(taken);
  const names = new Map<string, string>();
  for (const { id, outputs } of live)
    for (const { name } of outputs)
      names.set(placeKey({ step: id, column: name }), unique(`${id}.${name}`, tensorNames));
  const others = new Map<string, string>();
  return {
    nameOf: ref => (ref.step === REQUEST_STEP ? ref.column : names.get(placeKey(ref))!),
    tensorName: stem => {
      const name = others.get(stem) ?? unique(stem);
      others.set(stem, name);
      return name;
    },
  };
}

function ranksOf(live: readonly FittedStep[], signature: StageSplit["signature"]): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  for (const step of live) {
    const bound = modelStageOf(step)?.columns ?? {};
    if (Object.keys(bound).length === 0) continue;
    for (const { name, shape } of signature(step).inputs) {
      const ref = step.inputs.input.find(one => one.name === bound[name]);
      if (ref && !ranks.has(placeKey(ref))) ranks.set(placeKey(ref), shape.length);
    }
  }
  return ranks;
}
