/** Plan → the models of `--layout executor`: one that runs the plan in process, and the ONNX models that it calls. */
import { type Entry, entryConfig } from "../../../contract/entry-config.js";
import type { Plan } from "../../../contract/plan.js";
import type { InferredStep } from "../../3-graph/infer.js";
import { onnxModels, planModel, type RepositoryModel } from "../repository-model.js";
import { dynamicBatching, instanceGroups } from "../settings/apply-settings.js";
import type { Settings } from "../settings/read-settings.js";
import { warmUp } from "../settings/warm-up.js";

/** @param steps the program's, as far as the plan has them @returns the entry first */
export function executorModels(
  plan: Plan,
  steps: readonly InferredStep[],
  entry: Entry,
  settings: Settings,
): RepositoryModel[] {
  const { config: model_warmup, files: samples } = warmUp(settings.warmup, plan.inputs, entry.form === "batched");
  const config = {
    ...entryConfig(plan, entry),
    ...dynamicBatching(settings),
    ...instanceGroups(settings.instanceGroups),
    ...(model_warmup.length > 0 && { model_warmup }),
    ...(settings.responseCache && { response_cache: { enable: true } }),
  };
  return [{ ...planModel(config, plan, steps), samples }, ...onnxModels(steps, settings)];
}
