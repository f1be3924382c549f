/**
 * Plan → a Triton ensemble of ONNX models: one for each step, the users' models as they are, and an entry that schedules them.
 */

import { type Entry, entryConfig, entryTensors, type TensorConfig, tensor } from "../../../contract/entry-config.js";
import { type AnyStep, type ColumnRef, type Plan, printPlan, REQUEST_STEP } from "../../../contract/plan.js";
import { isRagged } from "../../../contract/schema.js";
import { type OnnxTensor, readOnnxSignature } from "../../../formats/onnx/onnx.js";
import { modelStageOf } from "../../../operators/lowerings.js";
import type { LoweredColumn } from "../../../operators/shared/onnx/lowered-column.js";
import { faultOf, type LoweringFault, type ModelStage } from "../../../operators/shared/onnx/lowering.js";
import type { DType } from "../../../triton-protos/datatype.js";
import type { InferredStep } from "../../3-graph/infer.js";
import { finishGraph } from "../../onnx/finish-graph.js";
import { graphBuilder } from "../../onnx/graph-builder.js";
import { onnxModels, type RepositoryModel } from "../repository-model.js";
import { instanceGroups } from "../settings/apply-settings.js";
import type { Settings } from "../settings/read-settings.js";
import { answer } from "./answers.js";
import { drawingInstances } from "./drawing-instances.js";
import { type Carried, type CarriedRows, carry, carryRows, type StageGraph, stageGraph } from "./edge-tensors.js";
import { contextOf, type LowerOptions, liveSteps, NotLoweredError, placeKey } from "./lower-plan.js";
import { lowerStep } from "./lower-step.js";
import { graphFiles, programParameter } from "./program-parameter.js";
import { refuseNothing } from "./refuse-clashes.js";
import { requestTensors } from "./request-columns.js";

/** A model of the ensemble and its tensors: model's name → the ensemble's. */
interface Scheduled {
  readonly model: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

export function stepModels(
  plan: Plan,
  steps: readonly InferredStep[],
  entry: Entry,
  settings: Settings,
  options: LowerOptions,
): RepositoryModel[] {
  refuseNothing(plan);
  const live = liveSteps(plan);
  const name = stageNames(plan, live);
  const columns = new Map<string, Carried>();
  const rows = new Map<string, CarriedRows>();
  const models: RepositoryModel[] = [];
  const schedule: Scheduled[] = [];
  const faults: LoweringFault[] = [];
  const read = readPlaces(plan, live);
  const consumed = new Set(live.flatMap(step => Object.values(step.inputs).flat().map(placeKey)));
  const matrices = wantedMatrices(live, options);

  /** A model of the ensemble's own. */
  const stage = (label: string, step: AnyStep | undefined, write: (stage: StageGraph) => void): void => {
    const g = graphBuilder();
    const made = stageGraph(g, rows);
    write(made);
    const model = name(label);
    models.push({
      name: model,
      config: {
        name: model,
        backend: "onnxruntime",
        max_batch_size: 0,
        input: made.inputs,
        output: made.outputs,
        ...programParameter(plan),
        ...instanceGroups(drawingInstances(step ? [step] : [], stageGroups(step, settings), options.note)),
      },
      files: graphFiles(finishGraph(g, model, options.release, { limit: options.limit })),
    });
    const same = (tensors: readonly TensorConfig[]) => Object.fromEntries(tensors.map(t => [t.name, t.name]));
    schedule.push({ model, inputs: same(made.inputs), outputs: same(made.outputs) });
  };
  const columnIn = (at: StageGraph, ref: ColumnRef): LoweredColumn => {
    if (ref.step !== REQUEST_STEP) return at.column(columns.get(placeKey(ref))!);
    return requestColumn(at, plan, ref.column, entry);
  };
  const columnsOf = (at: StageGraph, step: AnyStep) =>
    Object.fromEntries(Object.entries(step.inputs).map(([port, refs]) => [port, refs.map(ref => columnIn(at, ref))]));
  const context = (at: StageGraph, step: AnyStep) => contextOf(at.g, step, options);

  const ordinary = (step: AnyStep, last: boolean): void =>
    stage(step.id, step, at => {
      const made = lowerStep(step, ref => columnIn(at, ref), context(at, step));
      if (last) {
        answers(
          plan,
          at,
          entry,
          consumed,
          (ref): LoweredColumn => made[step.outputs.findIndex(c => c.name === ref.column)]!,
        );
        return;
      }
      made.forEach((col, i) => {
        const place = { step: step.id, column: step.outputs[i]!.name };
        if (!read.has(placeKey(place))) return;
        const carried = carry(at, `${step.id}.${place.column}`, col, matrices.has(placeKey(place)));
        columns.set(placeKey(place), carried);
        if (col.rows.parent && !rows.has(col.rows.id)) rows.set(col.rows.id, carryRows(at, col.rows));
      });
    });

  const predict = (step: AnyStep, of: ModelStage): void => {
    const { path, bytes } = options.model(step);
    const signature = readOnnxSignature(bytes, path);
    const given = direct(step, of, signature.inputs, columns);
    const inputs = given ?? Object.fromEntries(signature.inputs.map(t => [t.name, `${step.id}.${t.name}.in`]));
    if (!given)
      stage(`${step.id}_inputs`, undefined, at => {
        const made = of.tensors(context(at, step), columnsOf(at, step), signature.inputs);
        for (const t of signature.inputs) {
          const dims = dimsOf(t);
          at.g.output(
            inputs[t.name]!,
            made.get(t.name)!,
            dims.map((d, i) => (d === -1 ? `${t.name} ${i}` : d)),
          );
          at.outputs.push(tensor(inputs[t.name]!, t.dtype as DType, dims));
        }
      });
    const outputs: Record<string, string> = {};
    const first = Object.values(step.inputs).flat()[0]!;
    const on = first.step === REQUEST_STEP ? "request" : columns.get(placeKey(first))!.rows;
    for (const col of step.outputs) {
      const from = of.outputOf(col.name, signature.outputs);
      const t = signature.outputs.find(output => output.name === from)!;
      if (!read.has(placeKey({ step: step.id, column: col.name }))) continue;
      outputs[from] = `${step.id}.${col.name}`;
      columns.set(placeKey({ step: step.id, column: col.name }), {
        tensor: `${step.id}.${col.name}`,
        dtype: col.dtype,
        dims: dimsOf(t),
        rows: on,
        ...(col.list && { width: col.list.min }),
      });
    }
    schedule.push({ model: of.model, inputs, outputs });
  };

  const final = live.at(-1);
  const inLast =
    final !== undefined &&
    modelStageOf(final) === undefined &&
    plan.outputs.every(({ ref, schema }) => ref.step === final.id || passes(ref, schema.name));
  const failed = new Set<string>();
  for (const step of live) {
    if (
      Object.values(step.inputs)
        .flat()
        .some(ref => failed.has(ref.step))
    ) {
      failed.add(step.id);
      continue;
    }
    try {
      const model = modelStageOf(step);
      if (model) predict(step, model);
      else ordinary(step, inLast && step === final);
    } catch (error) {
      const fault = faultOf(error, step.id);
      if (!fault) throw error;
      faults.push(fault);
      failed.add(step.id);
    }
  }
  if (faults.length > 0) throw new NotLoweredError(plan.name, faults);
  if (!inLast) stage("answer", undefined, at => answers(plan, at, entry, consumed, ref => columnIn(at, ref)));
  return [ensembleEntry(plan, entry, withoutUnread(plan, schedule)), ...models, ...onnxModels(steps, settings)];
}

const passes = (ref: ColumnRef, name: string): boolean => ref.step === REQUEST_STEP && ref.column === name;

/** A column of the request, in the tensors that the entry takes. */
function requestColumn(at: StageGraph, plan: Plan, column: string, entry: Entry): LoweredColumn {
  const col = plan.inputs.find(c => c.name === column)!;
  const known = at.request.get(column);
  if (known) return known;
  const tensors = requestTensors(at.g, col, entry.form);
  at.inputs.push(...requestConfigs(plan, column, entry));
  at.sawRequest(tensors.count);
  const made = tensors.column(at.rows("request"));
  at.request.set(column, made);
  return made;
}

/** Full shapes: the models of an ensemble have no batch dimension of Triton's own. */
function requestConfigs(plan: Plan, column: string, entry: Entry): TensorConfig[] {
  const col = plan.inputs.find(c => c.name === column)!;
  const { name, dtype, list } = col;
  if (isRagged(col)) return [tensor(`${name}__values`, dtype, [-1]), tensor(`${name}__offsets`, "int32", [-1])];
  return [tensor(name, dtype, list ? [-1, list.min] : entry.form === "batched" ? [-1, 1] : [-1])];
}

function answers(
  plan: Plan,
  at: StageGraph,
  entry: Entry,
  consumed: ReadonlySet<string>,
  columnOf: (ref: ColumnRef) => LoweredColumn,
): void {
  const own = plan.outputs.filter(({ ref, schema }) => !passes(ref, schema.name));
  const columns = own.map(({ ref }) => columnOf(ref));
  at.g.within("answer", () => {
    own.forEach(({ schema }, i) => {
      answer(at.g, schema, columns[i]!, entry.form, at.rows("request").count, entry.nullable?.has(schema.name));
    });
  });
  const full = entry.form === "batched";
  // Triton refuses a tensor of the request that no step reads.
  for (const { name } of plan.inputs)
    if (!consumed.has(placeKey({ step: REQUEST_STEP, column: name }))) requestColumn(at, plan, name, entry);
  at.outputs.push(
    ...entryTensors(own, entry.form, entry.nullable).map(t => (full ? { ...t, dims: [-1, ...t.dims] } : t)),
  );
}

const dimsOf = ({ shape }: OnnxTensor): number[] => shape.map(d => (typeof d === "number" ? d : -1));

/** The ensemble's tensors, where every input of the model is one as it stands. */
function direct(
  step: AnyStep,
  { takesColumns, columns: bound }: ModelStage,
  inputs: readonly OnnxTensor[],
  columns: ReadonlyMap<string, Carried>,
): Record<string, string> | undefined {
  if (!takesColumns) return undefined;
  const found: Record<string, string> = {};
  for (const wanted of inputs) {
    const ref = step.inputs.input!.find(one => one.name === bound[wanted.name]);
    const carried = ref && columns.get(placeKey(ref));
    const fits =
      carried &&
      carried.dtype === wanted.dtype &&
      carried.valid === undefined &&
      carried.lengths === undefined &&
      carried.dims.join() === dimsOf(wanted).join();
    if (!fits) return undefined;
    found[wanted.name] = carried.tensor;
  }
  return found;
}

/** Scalars that the first model that reads them wants as `[n, 1]`. */
function wantedMatrices(live: readonly AnyStep[], options: LowerOptions): ReadonlySet<string> {
  const decided = new Map<string, boolean>();
  for (const step of live) {
    const bound = modelStageOf(step)?.columns ?? {};
    if (Object.keys(bound).length === 0) continue;
    const { path, bytes } = options.model(step);
    for (const { name, shape } of readOnnxSignature(bytes, path).inputs) {
      const ref = step.inputs.input!.find(one => one.name === bound[name]);
      if (ref && !decided.has(placeKey(ref))) decided.set(placeKey(ref), shape.length === 2);
    }
  }
  return new Set([...decided].flatMap(([key, matrix]) => (matrix ? [key] : [])));
}

function readPlaces(plan: Plan, live: readonly AnyStep[]): ReadonlySet<string> {
  const read = new Set(plan.outputs.map(({ ref }) => placeKey(ref)));
  for (const step of live) for (const ref of Object.values(step.inputs).flat()) read.add(placeKey(ref));
  return read;
}

/** Look-ups and texts are the CPU's; a search is a product of matrices, and goes where the models go. */
function stageGroups(
  step: AnyStep | undefined,
  { instanceGroups: own, onnxInstanceGroups: models }: Settings,
): NonNullable<Settings["instanceGroups"]> {
  if (step?.op === "queryFaiss" && models) return models;
  return own ?? [{ count: 1, kind: "cpu" }];
}

/** Triton refuses a tensor that nobody reads: a model may answer more than the ensemble asks of it. */
function withoutUnread(plan: Plan, schedule: readonly Scheduled[]): readonly Scheduled[] {
  const read = new Set(schedule.flatMap(({ inputs }) => Object.values(inputs)));
  for (const { schema } of plan.outputs)
    for (const end of ["", "__values", "__offsets", "__validity"]) read.add(`${schema.name}${end}`);
  return schedule.map(one => ({
    ...one,
    outputs: Object.fromEntries(Object.entries(one.outputs).filter(([, name]) => read.has(name))),
  }));
}

function ensembleEntry(plan: Plan, entry: Entry, schedule: readonly Scheduled[]): RepositoryModel {
  const { backend: _, ...config } = entryConfig(plan, entry);
  return {
    name: entry.name,
    config: {
      ...config,
      platform: "ensemble",
      ...programParameter(plan),
      ensemble_scheduling: {
        step: schedule.map(({ model, inputs, outputs }) => ({
          model_name: model,
          model_version: -1,
          input_map: { ...inputs },
          output_map: { ...outputs },
        })),
      },
    },
    files: [{ to: "plan.json", text: printPlan(plan) }],
  };
}

/** Letters, digits and `_`, and none of them taken by a user's model. */
function stageNames(plan: Plan, live: readonly AnyStep[]): (label: string) => string {
  const taken = new Set([plan.name, ...live.flatMap(step => ("model" in step.params ? [step.params.model] : []))]);
  return label => {
    const stem = `${plan.name}_${label.replace(/\W+/g, "_")}`;
    let name = stem;
    for (let n = 2; taken.has(name); n++) name = `${stem}_${n}`;
    taken.add(name);
    return name;
  };
}
