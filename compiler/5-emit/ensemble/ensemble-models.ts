/**
 * Plan → the models of `--layout ensemble`: the entry, which schedules, the stages, and the ONNX models.
 */

import { type Entry, entryConfig } from "../../../contract/entry-config.js";
import { type Plan, parsePlan } from "../../../contract/plan.js";
import { readWorkflow } from "../../../formats/folders/workflow.js";
import { readOnnxSignature } from "../../../formats/onnx/onnx.js";
import type { InferredStep } from "../../3-graph/infer.js";
import { onnxModels, planModel, type RepositoryModel } from "../repository-model.js";
import { instanceGroups } from "../settings/apply-settings.js";
import type { Settings } from "../settings/read-settings.js";
import { type CutStage, cutPlan } from "./cut-plan.js";
import { nullableAnswers } from "./nulls.js";

/**
 * @param steps the program's steps that the plan has
 */
export function ensembleModels(
  plan: Plan,
  steps: readonly InferredStep[],
  entry: Entry,
  settings: Settings,
): RepositoryModel[] {
  const stages = ensembleStages(plan, steps, entry);
  const inferred = new Map(steps.map(step => [step.id, step]));
  return [
    // The server needs none of the plan; people do, and `merlon explain`.
    planModel(ensembleConfig(plan, stages, entry), plan, []),
    ...stages.flatMap(({ plan: part, config, model, step }) =>
      part && config
        ? planModel(
            { ...config, name: model, ...instanceGroups(settings.instanceGroups) },
            part,
            step ? [inferred.get(step.id)!] : [],
          )
        : [],
    ),
    ...onnxModels(steps, settings),
  ];
}

export function ensembleStages(plan: Plan, steps: readonly InferredStep[], entry: Entry): readonly CutStage[] {
  const inferred = new Map(steps.map(step => [step.id, step]));
  return cutPlan(plan, {
    inferred: steps,
    form: entry.form,
    signature: step => readOnnxSignature(inferred.get(step.id)!.model!.from),
    nullable: entry.nullable ?? new Set(),
    workflowOf: step => workflowOf(inferred.get(step.id)),
  });
}

/** Answers of the entry that may hold nulls. */
export function nullsOf(plan: Plan, steps: readonly InferredStep[]): ReadonlySet<string> {
  const inferred = new Map(steps.map(step => [step.id, step]));
  return nullableAnswers(plan, step => workflowOf(inferred.get(step.id)));
}

/** A step that takes a part of a workflow brings that part along. */
function workflowOf(step: InferredStep | undefined): Plan | undefined {
  const [whole, part] = step?.files ?? [];
  if (part && "text" in part) return parsePlan(part.text, part.to);
  return whole && "from" in whole ? readWorkflow(whole.from) : undefined;
}

function ensembleConfig(plan: Plan, stages: readonly CutStage[], entry: Entry) {
  const { backend: _, ...config } = entryConfig(plan, entry);
  return {
    ...config,
    platform: "ensemble",
    ensemble_scheduling: {
      step: stages.map(({ model, inputs, outputs }) => ({
        model_name: model,
        model_version: -1,
        input_map: { ...inputs },
        output_map: { ...outputs },
      })),
    },
  };
}
