/**
 * A fitted workflow → a model of its own: it answers the columns that `merlon transform` writes, and nulls travel both ways in tensors
 * `NAME__validity` (BOOL, optional).
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AnswerForm } from "../../../contract/answer-form.js";
import { configOf, entryColumn, markable } from "../../../contract/column-tensors.js";
import { entryConfig } from "../../../contract/entry-config.js";
import { modelName } from "../../../contract/files/model-name.js";
import { type Plan, printPlan } from "../../../contract/plan.js";
import type { Schema } from "../../../contract/schema.js";
import type { BuiltFrom } from "../../../formats/folders/manifest.js";
import { readWorkflow, WORKFLOW_FILE } from "../../../formats/folders/workflow.js";
import type { PassName } from "../../4-plan/pass-names.js";
import { servedPlan } from "../../4-plan/passes.js";
import { entryOf } from "../configs.js";
import { finishModel, isNoManifest } from "../finish-model.js";
import { putModels } from "../put-models.js";

type Config = ReturnType<typeof entryConfig>;

/** Its configuration. @param maxBatchSize 0 serves without a batch dimension, as ragged columns and changing rows do anyway */
export function workflowConfig(plan: Plan, maxBatchSize: number): Config {
  const entry = entryOf(plan, maxBatchSize, "merlon", "executor");
  const config = entryConfig(plan, entry);
  const outputs = plan.outputs.map(output => output.schema);
  return {
    ...config,
    input: [...(config.input ?? []), ...marks(plan.inputs, entry.form).map(one => ({ ...one, optional: true }))],
    output: [...(config.output ?? []), ...marks(outputs, entry.form)],
  };
}

const marks = (schema: Schema, form: AnswerForm) =>
  markable(schema).flatMap(col =>
    entryColumn(col, form, true)
      .filter(({ part }) => part === "validity")
      .map(configOf),
  );

export interface WorkflowModelOptions {
  readonly name?: string;
  readonly maxBatchSize?: number;
  /** Passes to leave out. */
  readonly off?: ReadonlySet<PassName>;
}

/**
 * Writes a fitted workflow's model into a repository.
 * @param folder what `merlon fit` wrote
 * @param repository folder of the repository; the model's own folder must not exist
 * @param options.name of the model; the workflow's unless given
 * @param options.maxBatchSize 0 serves without a batch dimension
 * @returns the model's name
 */
export function writeWorkflowModel(
  folder: string,
  repository: string,
  { name, maxBatchSize = 128, off }: WorkflowModelOptions = {},
): string {
  const read = readWorkflow(folder);
  const plan = { ...servedPlan(read, off).plan, name: name ?? read.name };
  const version = join(repository, plan.name, "1");
  mkdirSync(version, { recursive: true });
  cpSync(folder, version, {
    recursive: true,
    dereference: true,
    filter: path => !path.endsWith(`/${WORKFLOW_FILE}`) && isNoManifest(path),
  });
  writeFileSync(join(version, "plan.json"), printPlan(plan));
  finishModel(join(repository, plan.name), workflowConfig(plan, maxBatchSize), builtFrom(plan.name));
  return plan.name;
}

const builtFrom = (name: string): BuiltFrom => ({ kind: "workflow", name, entry: name });

/** The same, in one step, in the place of the workflow's model. @returns its name */
export function buildWorkflowModel(folder: string, out: string, off?: ReadonlySet<PassName>): string {
  const { name } = readWorkflow(folder);
  putModels({
    out,
    program: builtFrom(name),
    names: [modelName(name)],
    reads: [folder],
    write: staging => writeWorkflowModel(folder, staging, off && { off }),
  });
  return name;
}
