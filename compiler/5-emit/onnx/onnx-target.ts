/**
 * Stages of an ensemble for a stock Triton: a graph for each step, and the author's models as they are.
 */

import { rowsTensor } from "../../../contract/column-tensors.js";
import { answerConfigs, fullShapes } from "../../../contract/entry-config.js";
import { zip } from "../../../contract/lists.js";
import type { AnyStep, ColumnRef, FittedStep, Plan } from "../../../contract/plan.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import type { OnnxTensor } from "../../../formats/onnx/onnx.js";
import { modelStageOf } from "../../../operators/lowerings.js";
import type { LoweredColumn } from "../../../operators/shared/onnx/lowered-column.js";
import type { ModelStage } from "../../../operators/shared/onnx/lowering.js";
import { isPassed, placeKey } from "../ensemble/refs.js";
import type { StageSplit } from "../ensemble/split-into-stages.js";
import type { Stage, Target } from "../ensemble/target.js";
import type { Settings } from "../settings/read-settings.js";
import { answer } from "./answers.js";
import { writeColumn, writeRows } from "./edge-tensors.js";
import { contextOf, type LowerOptions } from "./lower-plan.js";
import { lowerStep } from "./lower-step.js";
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

/** A step that runs the author's model → its stages: that model, and a graph that makes its inputs if columns do not fit directly. */
function modelStages(stages: OnnxStages, step: AnyStep, of: ModelStage): readonly Stage[] {
  const { inputs } = stages.split.signature(step);
  const direct = directInputs(stages, step, of, inputs);
  const made =
    direct ?? Object.fromEntries(inputs.map(t => [t.name, stages.split.tensorName(`${step.id}.${t.name}.in`)]));
  const before = direct ? [] : [inputStage(stages, step, of, made)];
  return [...before, { model: of.model, inputs: made, outputs: outputsOf(stages, step, of) }];
}

/** A graph that makes every input of the model. @param names of the tensors, by the model's */
function inputStage(
  { split, options, ...stages }: OnnxStages,
  step: AnyStep,
  of: ModelStage,
  names: Readonly<Record<string, string>>,
): Stage {
  const { inputs } = split.signature(step);
  return stages.stage(`${step.id}_inputs`, undefined, at => {
    const columns = step.inputs.input.map(ref => stages.columnIn(at, ref));
    const made = of.tensors(contextOf(at.g, step, options), columns, inputs);
    for (const t of inputs) at.write({ name: names[t.name]!, dims: dimsOf(t) }, made.get(t.name)!);
  });
}

/** The model's outputs that are read, as tensors of the ensemble. */
function outputsOf({ split, columns }: OnnxStages, step: AnyStep, of: ModelStage): Record<string, string> {
  const signature = split.signature(step);
  const [first] = step.inputs.input;
  const rows = columns.get(placeKey(first))?.column.rows ?? REQUEST_ROWS;
  const outputs: Record<string, string> = {};
  for (const schema of step.outputs) {
    const place = { step: step.id, column: schema.name };
    if (!split.isRead(place)) continue;
    const from = of.outputOf(schema.name, signature.outputs);
    const dims = dimsOf(signature.outputs.find(output => output.name === from)!);
    const name = split.nameOf(place);
    outputs[from] = name;
    columns.set(placeKey(place), {
      column: { ...schema, name, rows },
      tensors: [{ name, dtype: schema.dtype, part: "values", dims }],
    });
  }
  return outputs;
}

const dimsOf = ({ shape }: OnnxTensor): number[] => shape.map(d => (typeof d === "number" ? d : -1));

/** The ensemble's tensors, if every input of the model is one of them unchanged. */
function directInputs(
  { columns }: OnnxStages,
  step: AnyStep,
  { takesColumns, columns: bound }: ModelStage,
  inputs: readonly OnnxTensor[],
): Record<string, string> | undefined {
  if (!takesColumns) return undefined;
  const found: Record<string, string> = {};
  for (const wanted of inputs) {
    const ref = step.inputs.input.find(one => one.name === bound[wanted.name]);
    const [values, ...others] = (ref && columns.get(placeKey(ref)))?.tensors ?? [];
    const fits =
      values && others.length === 0 && values.dtype === wanted.dtype && values.dims.join() === dimsOf(wanted).join();
    if (!fits) return undefined;
    found[wanted.name] = values.name;
  }
  return found;
}
