/**
 * Stages of an ensemble for Merlon's runtime: each step is a plan of its own, or, if possible, the author's ONNX model itself.
 */

import { fittedPlan } from "../../../contract/any-step.js";
import { entryColumn, stageColumn } from "../../../contract/column-tensors.js";
import type { Entry } from "../../../contract/entry-config.js";
import { type AnyStep, type FittedStep, type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import { isRagged, REQUEST_ROWS } from "../../../contract/schema.js";
import { choosesByOutcome, timesOfParts } from "../../../contract/step-facts.js";
import type { OnnxTensor } from "../../../formats/onnx/onnx.js";
import { modelStageOf } from "../../../operators/lowerings.js";
import type { ModelStage } from "../../../operators/shared/onnx/lowering.js";
import type { InferredStep } from "../../3-graph/infer.js";
import { emitEnsemble } from "../ensemble/emit-ensemble.js";
import { nullableColumns, workflowsOf } from "../ensemble/nulls.js";
import { placeKey } from "../ensemble/refs.js";
import { clashOf, makesNothing } from "../ensemble/refusals.js";
import { type StageSplit, splitIntoStages } from "../ensemble/split-into-stages.js";
import type { Stage, Target } from "../ensemble/target.js";
import type { RepositoryModel } from "../repository-model.js";
import type { Settings } from "../settings/read-settings.js";
import { rowSets } from "./row-sets.js";
import type { StageContext } from "./stage-context.js";
import { answerStage, modelStage, stepStage } from "./stage-models.js";

/**
 * The models of `--layout ensemble`.
 * @param steps the program's, as far as the plan has them
 * @returns the entry first
 */
export function stageModels(
  plan: Plan,
  steps: readonly InferredStep[],
  entry: Entry,
  settings: Settings,
): RepositoryModel[] {
  refuseStages(plan, entry);
  const split = splitIntoStages(fittedPlan(plan), steps, entry);
  return emitEnsemble(split, stageTarget(split, settings), settings);
}

function stageTarget(split: StageSplit, { instanceGroups }: Settings): Target {
  const { plan, entry } = split;
  const nullable = nullableColumns(plan, workflowsOf(split.steps));
  /** Outputs of the author's models that are stages. */
  const matrices = new Map<string, boolean>();
  const context: StageContext = {
    split,
    rows: rowSets(plan, split.steps),
    mayBeNull: ref => nullable.has(placeKey(ref)),
    isMatrix: ref =>
      entry.form === "batched" &&
      split.column(ref).rows === REQUEST_ROWS &&
      (ref.step === REQUEST_STEP || (matrices.get(placeKey(ref)) ?? split.rankOf(ref) !== 1)),
    instanceGroups,
  };
  const stageOf = (step: FittedStep): Stage => {
    const of = modelStageOf(step);
    if (!of || !servesItself(context, step, of)) return stepStage(context, step);
    const signature = split.signature(step);
    for (const { name } of step.outputs) {
      const tensor = of.outputOf(name, signature.outputs);
      const made = signature.outputs.find(o => o.name === tensor)!;
      matrices.set(placeKey({ step: step.id, column: name }), made.shape.length !== 1);
    }
    return modelStage(context, step, of);
  };
  return {
    entry: {},
    eachStep: (steps, work) => steps.forEach(work),
    step: (step, last) => {
      const stage = stageOf(step);
      const answers = last && split.unread.length === 0 && makesAnswers(context, step);
      return { stages: [answers ? nameAnswers(context, stage) : stage], answers };
    },
    answer: () => answerStage(context),
  };
}

/** True if the step's outputs are the answers as they are. */
function makesAnswers({ split, isMatrix }: StageContext, step: AnyStep): boolean {
  const { outputs } = split.plan;
  const { form, nullable } = split.entry;
  const places = new Set(outputs.map(o => placeKey(o.ref)));
  return (
    places.size === outputs.length &&
    // A stage marks nulls in a flat tensor, an answer in one of its own shape.
    !nullable?.size &&
    outputs.every(({ ref, schema }) => {
      const col = split.column(ref);
      return (
        ref.step === step.id &&
        col.rows === REQUEST_ROWS &&
        col.dtype === schema.dtype &&
        (col.list !== undefined || isMatrix(ref) === (form === "batched"))
      );
    })
  );
}

/** The last stage's tensors under the names of the answers. */
function nameAnswers({ split }: StageContext, stage: Stage): Stage {
  const { plan, entry } = split;
  const names = new Map<string, string>();
  for (const { ref, schema } of plan.outputs) {
    const answers = entryColumn(schema, entry.form);
    const made = stageColumn({ ...split.column(ref), name: split.nameOf(ref) });
    for (const [i, { name }] of made.entries()) names.set(name, answers[i]!.name);
  }
  const outputs = Object.entries(stage.outputs).flatMap(([output, name]) =>
    names.has(name) ? [[output, names.get(name)!] as const] : [],
  );
  return { ...stage, outputs: Object.fromEntries(outputs) };
}

/** @throws Error for a plan that no ensemble can express */
function refuseStages(plan: Plan, entry: Entry): void {
  const { name, steps } = plan;
  const fallback = steps.find(step => choosesByOutcome(step.op));
  if (fallback)
    throw new Error(
      `\`${name}\` has a fallback (\`${fallback.label}\`), and a Triton ensemble fails when one of its steps does. Build with \`--layout executor\`.`,
    );
  const gather = steps.find(step => timesOfParts(step));
  if (gather)
    throw new Error(
      `\`${name}\` leaves late sources out (\`${gather.label}\`), and a Triton ensemble waits for all of its steps. Leave \`within\` out, or build with \`--layout executor\`.`,
    );
  if (makesNothing(plan))
    throw new Error(
      `\`${name}\` answers columns of the request as they are: a Triton ensemble needs a step that makes something. Build with \`--layout executor\`.`,
    );
  const clash = clashOf(plan, entry);
  if (clash)
    throw new Error(
      `\`${name}\` answers \`${clash.name}\`, and the request has another column of that name. A Triton ensemble has one tensor of a name: rename the answer (\`>> rename({ postfix: "_out" })\`), or build with \`--layout executor\`.`,
    );
}

const isOpen = ({ shape }: OnnxTensor): boolean => typeof shape[0] !== "number";

/**
 * Whether an ONNX model of the author's can be a stage of the ensemble as it is.
 * True if the model can read the columns as they are: same dtypes and shapes, no nulls, and at least one row. Graphs differ on zero rows, and a filter
 * may drop all candidates, so models of candidates run behind a stage.
 */
function servesItself({ split, isMatrix, mayBeNull }: StageContext, step: AnyStep, of: ModelStage): boolean {
  if (split.entry.form !== "batched" || !of.takesColumns || of.inParts) return false;
  const signature = split.signature(step);
  const made = new Set(step.outputs.map(({ name }) => of.outputOf(name, signature.outputs)));
  return (
    signature.outputs.filter(({ name }) => made.has(name)).every(isOpen) &&
    signature.inputs.every(wanted => {
      const ref = step.inputs.input.find(one => one.name === of.columns[wanted.name]);
      if (!ref) return false;
      const { dtype, list, rows } = split.column(ref);
      const width = list ? list.min : isMatrix(ref) ? 1 : undefined;
      const [, wide] = wanted.shape;
      return (
        !isRagged({ list }) &&
        rows === REQUEST_ROWS &&
        dtype === wanted.dtype &&
        !mayBeNull(ref) &&
        isOpen(wanted) &&
        wanted.shape.length === (width === undefined ? 1 : 2) &&
        (width === undefined || typeof wide !== "number" || wide === width)
      );
    })
  );
}
