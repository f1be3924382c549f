/**
 * A model of a repository before it is written: its configuration, and the files of its version folder.
 */
import { dirname, join } from "node:path";
import type { NamedConfig } from "../../contract/entry-config.js";
import { type Plan, printPlan } from "../../contract/plan.js";
import { type OnnxSignature, readOnnxSignature } from "../../formats/onnx/onnx.js";
import type { ArtefactFile } from "../../operators/shared/author/define-op.js";
import type { ModelConfigInit } from "../../triton-protos/model-config.js";
import type { InferredStep } from "../3-graph/infer.js";
import { onnxConfig } from "./configs.js";
import { withThreads } from "./onnx-threads.js";
import { instanceGroups } from "./settings/apply-settings.js";
import type { Settings } from "./settings/read-settings.js";
import type { WarmUpFiles } from "./settings/warm-up.js";

export interface RepositoryModel {
  readonly name: string;
  readonly config: ModelConfigInit;
  /** Beside each other in the version folder. */
  readonly files: readonly ArtefactFile[];
  /** In the model's `warmup` folder. */
  readonly samples?: WarmUpFiles["files"];
}

/** A model whose version folder holds a plan and the files of its steps. */
export const planModel = (config: NamedConfig, plan: Plan, steps: readonly InferredStep[]): RepositoryModel => ({
  name: config.name,
  config,
  files: [{ to: "plan.json", text: printPlan(plan) }, ...steps.flatMap(step => step.files ?? [])],
});

/** One model per ONNX file that the steps run, whichever how many run it. */
export function onnxModels(
  steps: readonly InferredStep[],
  { onnxInstanceGroups: groups, onnxThreads: threads }: Pick<Settings, "onnxInstanceGroups" | "onnxThreads">,
): RepositoryModel[] {
  const models = new Map(steps.flatMap(({ model }) => (model ? [[model.name, model] as const] : [])));
  return [...models.values()].map(model =>
    withThreads(onnxModel(model, readOnnxSignature(model.bytes ?? model.from, model.from), groups), threads),
  );
}

const onnxModel = (
  { name, from, bytes }: NonNullable<InferredStep["model"]>,
  signature: OnnxSignature,
  groups: Settings["onnxInstanceGroups"],
): RepositoryModel => ({
  name,
  config: { ...onnxConfig(name, signature), ...instanceGroups(groups) },
  files: [
    { to: "model.onnx", ...(bytes ? { bytes } : { from }) },
    ...signature.externalData.map(external => ({ to: external, from: join(dirname(from), external) })),
  ],
});
