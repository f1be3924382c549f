/**
 * A fitted workflow → a model of its own: it answers the columns that `merlon transform` writes, and nulls travel both ways in tensors
 * `NAME__validity` (BOOL, optional).
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { entryConfig, validityName } from "../../../contract/entry-config.js";
import { type Plan, printPlan } from "../../../contract/plan.js";
import { isRagged, REQUEST_ROWS, type Schema } from "../../../contract/schema.js";
import { replaceFolder, StagingFolder } from "../../../formats/folders/replace-folder.js";
import { readWorkflow, WORKFLOW_FILE } from "../../../formats/folders/workflow.js";
import type { PassName } from "../../4-plan/pass-names.js";
import { servedPlan } from "../../4-plan/passes.js";
import { entryOf } from "../configs.js";
import { finishModel, isNoManifest } from "../finish-model.js";

type Config = ReturnType<typeof entryConfig>;

/** Its configuration. @param maxBatchSize 0 serves without a batch dimension, as ragged columns and changing rows do anyway */
export function workflowConfig(plan: Plan, maxBatchSize: number): Config {
  const config = entryConfig(plan, entryOf(plan, maxBatchSize, "merlon", "executor"));
  const outputs = plan.outputs.map(output => output.schema);
  return {
    ...config,
    input: [...(config.input ?? []), ...validity(plan.inputs, config).map(tensor => ({ ...tensor, optional: true }))],
    output: [...(config.output ?? []), ...validity(outputs, config)],
  };
}

function validity(schema: Schema, { max_batch_size = 0 }: Config) {
  return schema.map(({ name, list, rows }) => {
    const isFlat = isRagged({ list }) || rows !== REQUEST_ROWS;
    const dims = max_batch_size > 0 ? [list?.min ?? 1] : isFlat || !list ? [-1] : [-1, list.min];
    return { name: validityName(name), data_type: "TYPE_BOOL" as const, dims };
  });
}

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
  finishModel(join(repository, plan.name), workflowConfig(plan, maxBatchSize));
  return plan.name;
}

/** The same, in one step, in the place of a model of that name. */
export function buildWorkflowModel(folder: string, repository: string, off?: ReadonlySet<PassName>): string {
  const { name } = readWorkflow(folder);
  mkdirSync(repository, { recursive: true });
  const staging = new StagingFolder(join(repository, name));
  try {
    writeWorkflowModel(folder, staging.path, off && { off });
    replaceFolder(join(staging.path, name), join(repository, name));
  } finally {
    staging.dispose();
  }
  return name;
}
