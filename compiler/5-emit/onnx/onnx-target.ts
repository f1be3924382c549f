/**
 * Stages of an ensemble for a stock Triton: a graph for each step, and the author's models as they are.
 */
import { rowsTensor } from "../../../contract/column-tensors.js";
import { answerConfigs, fullShapes } from "../../../contract/entry-config.js";
import { zip } from "../../../contract/lists.js";
import type { ColumnRef, FittedStep, Plan } from "../../../contract/plan.js";
import { modelStageOf } from "../../../operators/lowerings.js";
import type { LoweredColumn } from "../../../operators/shared/onnx/lowered-column.js";
import { isPassed, placeKey } from "../ensemble/refs.js";
import type { StageSplit } from "../ensemble/split-into-stages.js";
import type { Stage, Target } from "../ensemble/target.js";
import type { Settings } from "../settings/read-settings.js";
import { answer } from "./answers.js";
import { writeColumn, writeRows } from "./edge-tensors.js";
import { contextOf, type LowerOptions } from "./lower-plan.js";
import { lowerStep } from "./lower-step.js";
import { modelStages } from "./model-stages.js";
import { lowerEach } from "./not-lowered.js";
import { type OnnxStages, onnxStages } from "./onnx-stages.js";
import { programParameter } from "./program-parameter.js";
import type { StageGraph } from "./stage-graph.js";

export function onnxTarget(split: StageSplit, settings: Settings, options: LowerOptions): Target {
  const stages = onnxStages(split, settings, options);
  return {
    entry: programParameter(split.plan),
    eachStep: (steps, lower) => lowerEach(split.plan.name, steps, lower),
    step: (step, last) => {
      const model = modelStageOf(step);
      if (model) return { stages: modelStages(stages, step, model), answers: false };
      const answers = last && split.plan.outputs.every(output => output.ref.step === step.id || isPassed(output));
      return { stages: [stepStage(stages, step, answers)], answers };
    },
    answer: () => stages.stage("answer", undefined, at => writeAnswers(split, at, ref => stages.columnIn(at, ref))),
  };
}

/** @param answers whether the graph also writes the answers of the ensemble */
function stepStage(
  { split, options, columns, rows, ...stages }: OnnxStages,
  step: FittedStep,
  answers: boolean,
): Stage {
  return stages.stage(step.id, step, at => {
    const made = lowerStep(step, ref => stages.columnIn(at, ref), contextOf(at.g, step, options));
    if (answers) {
      writeAnswers(split, at, ref => made[step.outputs.findIndex(c => c.name === ref.column)]!);
      return;
    }
    for (const [{ name }, col] of zip(step.outputs, made)) {
      const place = { step: step.id, column: name };
      if (!split.isRead(place)) continue;
      const matrix = split.rankOf(place) === 2;
      columns.set(placeKey(place), writeColumn(at, col, { name: split.nameOf(place), matrix }));
      const { id, parent } = col.rows;
      if (parent && !rows.has(id)) rows.set(id, writeRows(at, col.rows, split.tensorName(rowsTensor(id, "places"))));
    }
  });
}

function writeAnswers(
  { plan, entry, unread, column }: StageSplit,
  at: StageGraph,
  columnOf: (ref: ColumnRef) => LoweredColumn,
): void {
  const { form, nullable } = entry;
  const own: Plan["outputs"] = plan.outputs.filter(output => !isPassed(output));
  const columns = own.map(({ ref }) => columnOf(ref));
  at.g.within("answer", () => {
    own.forEach(({ schema }, i) => {
      answer(at.g, schema, columns[i]!, form, at.rows("request").count, nullable?.has(schema.name));
    });
  });
  for (const ref of unread) at.requestColumn(column(ref));
  at.declare(fullShapes(answerConfigs(own, form, nullable), form));
}
