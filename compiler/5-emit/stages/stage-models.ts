/**
 * Plan → the stages of a Triton ensemble: each step as a plan of its own, or as the ONNX model itself, and which tensor feeds which.
 */
import type { AnswerForm } from "../../../contract/answer-form.js";
import { stageTensors } from "../../../contract/column-tensors.js";
import { entryTensors, type TensorConfig, tensor } from "../../../contract/entry-config.js";
import { type AnyStep, type ColumnRef, type Plan, type PlanStage, REQUEST_STEP } from "../../../contract/plan.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "../../../contract/schema.js";
import type { OnnxSignature } from "../../../formats/onnx/onnx.js";
import type { ModelConfigInit } from "../../../triton-protos/model-config.js";
import { type Place, placeKey } from "../ensemble/refs.js";
import type { RowSets } from "./row-sets.js";

/** A model of the ensemble, and how its tensors are called in it. */
export interface Stage {
  readonly model: string;
  /** Undefined where the step's ONNX model is the stage. */
  readonly plan?: Plan;
  readonly config?: ModelConfigInit;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

/** What is known of the whole plan while its stages are made. */
export interface Cut {
  readonly plan: Plan;
  readonly form: AnswerForm;
  readonly rows: RowSets;
  columns(ref: Place): ColumnSchema;
  /** Shape of the values of a column that is no ragged list. */
  shape(ref: Place): readonly number[];
  mayBeNull(ref: Place): boolean;
  /** Answers that say which of their values are null. */
  readonly nullableAnswers: ReadonlySet<string>;
  /** Whether a stage, or the answer, reads the column. */
  isRead(ref: Place): boolean;
}

/** A tensor of the ensemble: what a request brings goes by its own name. */
const ensembleTensor = (ref: Place, name: string): string => (ref.step === REQUEST_STEP ? name : `${ref.step}.${name}`);
const offsetsTensor = (rows: string): string => `${rows}#offsets`;

/** @param step its id stays: sampling draws by it */
export function stepStage(cut: Cut, step: AnyStep, model: string): Stage {
  const inputs = stageInputs(cut, Object.values(step.inputs).flat(), cut.rows.relates(step));
  const read = step.outputs.filter(c => cut.isRead({ step: step.id, column: c.name }));
  const outputs = read.map(schema => ({
    ref: { name: schema.name, step: step.id, column: schema.name },
    schema,
  }));
  const makes = step.outputs.some(c => c.rows === step.id)
    ? [{ id: step.id, offsets: offsetsName(step.id, read, new Set()) }]
    : [];
  const stage: PlanStage = {
    of: cut.plan.name,
    rows: [...inputs.rows],
    makes,
    nullable: {
      inputs: [...inputs.nullable],
      outputs: read.filter(c => cut.mayBeNull({ step: step.id, column: c.name })).map(c => c.name),
    },
  };
  const ports = Object.entries(step.inputs).map(([port, refs]) => [port, refs.map(inputs.redirect)]);
  const made = read.map(c => tensorsOf(cut, { step: step.id, column: c.name }, c.name));
  return {
    model,
    plan: {
      ...planOf(model, inputs.schema, [{ ...step, inputs: Object.fromEntries(ports) } as AnyStep], outputs),
      stage,
    },
    config: stageConfig(model, inputs.tensors, [
      ...made.flatMap(list => list.map(t => t.config)),
      ...makes.map(({ offsets }) => tensor(offsets, "int32", [-1])),
    ]),
    inputs: inputs.map,
    outputs: Object.fromEntries([
      ...made.flatMap(list => list.map(t => [t.config.name, t.ensemble])),
      ...makes.map(({ id, offsets }) => [offsets, offsetsTensor(id)]),
    ]),
  };
}

/** The last stage where answers are not what a step makes: it pads candidates, and takes what nobody else reads. */
export function answerStage(cut: Cut, model: string, unread: readonly ColumnRef[]): Stage {
  const { plan } = cut;
  const told = new Set(plan.outputs.filter(o => cut.nullableAnswers.has(o.schema.name)).map(o => placeKey(o.ref)));
  const refs = [...plan.outputs.map(o => o.ref), ...unread];
  const inputs = stageInputs(cut, refs, true, ref => told.has(placeKey(ref)));
  const made = plan.outputs.filter(o => !isPassed(o));
  const outputs = made.map(({ ref, schema }) => ({ ref: inputs.redirect(ref), schema }));
  const answers = entryTensors(made, cut.form, cut.nullableAnswers);
  return {
    model,
    plan: {
      ...planOf(model, inputs.schema, [], outputs),
      stage: {
        of: plan.name,
        rows: [...inputs.rows],
        makes: [],
        nullable: { inputs: [...inputs.nullable], outputs: [] },
        answers: cut.form,
      },
    },
    config: stageConfig(
      model,
      inputs.tensors,
      answers.map(t => (cut.form === "batched" ? { ...t, dims: [-1, ...t.dims] } : t)),
    ),
    inputs: inputs.map,
    outputs: Object.fromEntries(answers.map(({ name }) => [name, name])),
  };
}

/** An answer that is a column of the request under its own name: the tensor that came is the one that goes. */
export const isPassed = ({ ref, schema }: Plan["outputs"][number]): boolean =>
  ref.step === REQUEST_STEP && ref.column === schema.name;

/** The ONNX model as a stage: its tensors are the columns as they are. */
export function onnxStage(cut: Cut, step: Extract<AnyStep, { op: "predictOnnx" }>, signature: OnnxSignature): Stage {
  const { model, inputs, outputs } = step.params;
  const input = (name: string) => step.inputs.input!.find(ref => ref.name === inputs[name])!;
  return {
    model,
    inputs: Object.fromEntries(
      signature.inputs.map(({ name }) => [name, ensembleTensor(input(name), stageName(cut, input(name)))]),
    ),
    outputs: Object.fromEntries(
      step.outputs
        .filter(c => cut.isRead({ step: step.id, column: c.name }))
        .map(c => [outputs[c.name]!, ensembleTensor({ step: step.id, column: c.name }, c.name)]),
    ),
  };
}

const stageName = (cut: Cut, ref: Place): string => stageTensors(cut.columns(ref), false)[0]!.name;

interface StageInputs {
  readonly schema: readonly ColumnSchema[];
  readonly rows: PlanStage["rows"];
  readonly nullable: readonly string[];
  readonly tensors: readonly TensorConfig[];
  readonly map: Readonly<Record<string, string>>;
  redirect(ref: ColumnRef): ColumnRef;
}

/** @param related whether the stage reads which rows belong to which @param mayBeNull columns whose nulls it reads */
function stageInputs(
  cut: Cut,
  refs: readonly ColumnRef[],
  related: boolean,
  mayBeNull: Cut["mayBeNull"] = cut.mayBeNull,
): StageInputs {
  const names = new Map<string, string>();
  const schema: ColumnSchema[] = [];
  const places: Place[] = [];
  for (const ref of refs) {
    if (names.has(placeKey(ref))) continue;
    const { column } = ref;
    let name = column;
    for (let n = 2; schema.some(c => c.name === name); n++) name = `${column}_${n}`;
    names.set(placeKey(ref), name);
    schema.push({ ...cut.columns(ref), name });
    places.push(ref);
  }
  const sets = [...new Set(schema.flatMap(c => (related ? cut.rows.lineage(c.rows) : c.rows)))].filter(
    id => id !== REQUEST_ROWS,
  );
  const taken = new Set<string>();
  const rows = sets.map(id =>
    related ? { id, grouped: { by: cut.rows.parent(id)!, offsets: offsetsName(id, schema, taken) } } : { id },
  );
  const tensors = places.flatMap((place, i) => tensorsOf(cut, place, schema[i]!.name, mayBeNull));
  const grouping = rows.flatMap(({ id, grouped }) => (grouped ? [[grouped.offsets, offsetsTensor(id)] as const] : []));
  return {
    schema,
    rows,
    nullable: schema.filter((_, i) => mayBeNull(places[i]!)).map(c => c.name),
    tensors: [...tensors.map(t => t.config), ...grouping.map(([offsets]) => tensor(offsets, "int32", [-1]))],
    map: Object.fromEntries([...tensors.map(t => [t.config.name, t.ensemble]), ...grouping]),
    redirect: ref => ({ name: ref.name, step: REQUEST_STEP, column: names.get(placeKey(ref))! }),
  };
}

/** Candidates read as a ragged list of their user's: the offsets go by the first of their columns. */
function offsetsName(rows: string, schema: readonly ColumnSchema[], taken: Set<string>): string {
  const first = schema.find(c => c.rows === rows && !isRagged(c));
  const stem = first ? `${first.name}__offsets` : `${rows.replace(/\W/g, "_")}__rows`;
  let name = stem;
  for (let n = 2; taken.has(name); n++) name = `${stem}_${n}`;
  taken.add(name);
  return name;
}

/** The tensors of a column under its name in the stage, and their names in the ensemble. */
function tensorsOf(
  cut: Cut,
  place: Place,
  name: string,
  mayBeNull: Cut["mayBeNull"] = cut.mayBeNull,
): { readonly config: TensorConfig; readonly ensemble: string }[] {
  const col = cut.columns(place);
  const nullable = mayBeNull(place);
  const original = stageTensors(col, nullable);
  return stageTensors({ ...col, name }, nullable).map((t, i) => ({
    config: tensor(t.name, t.dtype, t.part === "values" && !isRagged(col) ? cut.shape(place) : [-1]),
    ensemble: ensembleTensor(place, original[i]!.name),
  }));
}

const planOf = (
  name: string,
  inputs: readonly ColumnSchema[],
  steps: readonly AnyStep[],
  outputs: Plan["outputs"],
): Plan => ({ format: "merlon/plan", version: 1, kind: "ensemble", name, inputs, steps, outputs });

/** Full shapes and no batch dimension of Triton's own: rows are candidates of any number of users. */
const stageConfig = (
  name: string,
  input: readonly TensorConfig[],
  output: readonly TensorConfig[],
): ModelConfigInit => ({ name, backend: "merlon", max_batch_size: 0, input: [...input], output: [...output] });
