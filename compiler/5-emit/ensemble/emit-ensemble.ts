/**
 * Plan → the models of a Triton ensemble: the entry, which schedules, the stages that its steps become, and the ONNX models of the author.
 */

import { entryColumn } from "../../../contract/column-tensors.js";
import { entryConfig } from "../../../contract/entry-config.js";
import { onnxModels, planModel, type RepositoryModel } from "../repository-model.js";
import type { Settings } from "../settings/read-settings.js";
import type { StageSplit } from "./split-into-stages.js";
import type { Stage, Target } from "./target.js";

/** @returns the entry first @throws Error naming the steps that the target has no model for */
export function emitEnsemble(split: StageSplit, target: Target, settings: Settings): RepositoryModel[] {
  const stages = withoutUnread(split, stagesOf(split, target));
  return [
    entryModel(split, target, stages),
    ...stages.flatMap(({ made }) => made ?? []),
    ...onnxModels(split.steps, settings),
  ];
}

function stagesOf({ live }: StageSplit, target: Target): readonly Stage[] {
  const stages: Stage[] = [];
  let answered = false;
  target.eachStep(live, step => {
    const made = target.step(step, step === live.at(-1));
    stages.push(...made.stages);
    answered = made.answers;
  });
  return answered ? stages : [...stages, target.answer()];
}

/** Leaves out outputs that no stage reads, which Triton refuses. A model of the author's may have more outputs than the plan uses. */
function withoutUnread({ plan, entry }: StageSplit, stages: readonly Stage[]): readonly Stage[] {
  const answers = plan.outputs.flatMap(({ schema }) =>
    entryColumn(schema, entry.form, entry.nullable?.has(schema.name)).map(({ name }) => name),
  );
  const read = new Set([...stages.flatMap(({ inputs }) => Object.values(inputs)), ...answers]);
  return stages.map(stage => ({
    ...stage,
    outputs: Object.fromEntries(Object.entries(stage.outputs).filter(([, name]) => read.has(name))),
  }));
}

/** Its plan is for people and `merlon explain`; the server does not read it. */
function entryModel({ plan, entry }: StageSplit, target: Target, stages: readonly Stage[]): RepositoryModel {
  const { backend: _, ...config } = entryConfig(plan, entry);
  const schedule = stages.map(({ model, inputs, outputs }) => ({
    model_name: model,
    model_version: -1,
    input_map: { ...inputs },
    output_map: { ...outputs },
  }));
  return planModel(
    { ...config, platform: "ensemble", ...target.entry, ensemble_scheduling: { step: schedule } },
    plan,
    [],
  );
}
