/**
 * The stages of a plan: a step as a plan or as the ONNX model itself, and the stage that formats the outputs.
 */

import { columnsReadBy, withReferences } from "../../../contract/any-step.js";
import { offsetsName, rowsTensor, stageColumn, type TensorConfig, tensor } from "../../../contract/column-tensors.js";
import { answerConfigs, fullShapes, type NamedConfig } from "../../../contract/entry-config.js";
import { type AnyStep, type ColumnRef, type Plan, type PlanStage, REQUEST_STEP } from "../../../contract/plan.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "../../../contract/schema.js";
import type { ModelStage } from "../../../operators/shared/onnx/lowering.js";
import { isPassed, type Place, placeKey } from "../ensemble/refs.js";
import type { Stage } from "../ensemble/target.js";
import { type Unique, uniqueNames } from "../ensemble/unique-names.js";
import { planModel } from "../repository-model.js";
import { instanceGroups } from "../settings/apply-settings.js";
import { type StageContext, stageTensors, valuesTensor } from "./stage-context.js";

/** @param step its id stays: sampling draws by it */
export function stepStage(context: StageContext, step: AnyStep): Stage {
  const { split, rows, mayBeNull } = context;
  const inputs = stageInputs(context, columnsReadBy(step), rows.relates(step));
  const unique = uniqueNames();
  const made = step.outputs
    .map(schema => ({ place: { step: step.id, column: schema.name }, schema }))
    .filter(({ place }) => split.isRead(place))
    .map(({ place, schema }) => ({ place, schema: { ...schema, name: columnName(context, place, unique) } }));
  const schemas = made.map(({ schema }) => schema);
  const makes = step.outputs.some(c => c.rows === step.id)
    ? [{ id: step.id, offsets: rowsName(step.id, schemas, unique) }]
    : [];
  const tensors = made.flatMap(({ place, schema }) => stageTensors(context, place, schema.name));
  return planStage(context, step.id, inputs, {
    steps: [withReferences(step, inputs.redirect)],
    outputs: made.map(({ place, schema }) => ({ ref: { name: schema.name, ...place }, schema })),
    stage: {
      makes,
      nullable: made.flatMap(({ place, schema }) => (mayBeNull(place) ? [schema.name] : [])),
    },
    tensors: [...tensors.map(t => t.config), ...makes.map(({ offsets }) => tensor(offsets, "int32", [-1]))],
    map: [
      ...tensors.map(t => [t.config.name, t.ensemble] as const),
      ...makes.map(({ id, offsets }) => [offsets, split.tensorName(rowsTensor(id, "runs"))] as const),
    ],
    files: [step],
  });
}

/** The last stage, if answers differ from a step's outputs: pads candidates, and takes request columns that no step reads. */
export function answerStage(context: StageContext): Stage {
  const { plan, entry, unread } = context.split;
  const { form, nullable = new Set<string>() } = entry;
  const told = new Set(plan.outputs.flatMap(o => (nullable.has(o.schema.name) ? [placeKey(o.ref)] : [])));
  const refs: readonly ColumnRef[] = [...plan.outputs.map(o => o.ref), ...unread];
  // Nulls of other answers are not read: in a float they are NaN.
  const inputs = stageInputs({ ...context, mayBeNull: ref => told.has(placeKey(ref)) }, refs, true);
  const made = plan.outputs.filter(o => !isPassed(o));
  const tensors = fullShapes(answerConfigs(made, form, nullable), form);
  return planStage(context, "answer", inputs, {
    steps: [],
    outputs: made.map(({ ref, schema }) => ({ ref: inputs.redirect(ref), schema })),
    stage: { makes: [], nullable: [], answers: form },
    tensors,
    map: tensors.map(({ name }) => [name, name] as const),
    files: [],
  });
}

/** The author's model as a stage: its tensors are the columns as they are. */
export function modelStage({ split }: StageContext, step: AnyStep, of: ModelStage): Stage {
  const signature = split.signature(step);
  const input = (name: string) => step.inputs.input.find(ref => ref.name === of.columns[name])!;
  const made = step.outputs.map(({ name }) => ({ step: step.id, column: name })).filter(split.isRead);
  return {
    model: of.model,
    inputs: Object.fromEntries(signature.inputs.map(({ name }) => [name, valuesTensor({ split }, input(name))])),
    outputs: Object.fromEntries(
      made.map(place => [of.outputOf(place.column, signature.outputs), valuesTensor({ split }, place)]),
    ),
  };
}

/** The output of a stage. */
interface Made {
  readonly steps: readonly AnyStep[];
  readonly outputs: Plan["outputs"];
  readonly stage: Pick<PlanStage, "makes" | "answers"> & { readonly nullable: readonly string[] };
  readonly tensors: readonly TensorConfig[];
  /** Tensor of the stage → of the ensemble. */
  readonly map: readonly (readonly [string, string])[];
  /** Steps whose files it opens. */
  readonly files: readonly AnyStep[];
}

function planStage(
  { split, instanceGroups: groups }: StageContext,
  label: string,
  inputs: StageInputs,
  made: Made,
): Stage {
  const model = split.modelName(label);
  const { makes, answers, nullable } = made.stage;
  const plan: Plan = {
    format: "merlon/plan",
    version: 1,
    kind: "ensemble",
    name: model,
    inputs: inputs.schema,
    steps: made.steps,
    outputs: made.outputs,
    stage: {
      of: split.plan.name,
      rows: [...inputs.rows],
      makes,
      nullable: { inputs: [...inputs.nullable], outputs: [...nullable] },
      ...(answers && { answers }),
    },
  };
  // Full shapes and no batch dimension of Triton's own: rows are candidates of any number of users.
  const config: NamedConfig = {
    name: model,
    backend: "merlon",
    max_batch_size: 0,
    input: [...inputs.tensors],
    output: [...made.tensors],
    ...instanceGroups(groups),
  };
  return {
    model,
    made: planModel(config, plan, made.files.map(split.inferred)),
    inputs: inputs.map,
    outputs: Object.fromEntries(made.map),
  };
}

interface StageInputs {
  readonly schema: readonly ColumnSchema[];
  readonly rows: PlanStage["rows"];
  readonly nullable: readonly string[];
  readonly tensors: readonly TensorConfig[];
  /** Tensor of the stage → of the ensemble. */
  readonly map: Readonly<Record<string, string>>;
  /** The same column as one of the stage's request. */
  redirect(ref: ColumnRef): ColumnRef;
}

/**
 * Columns that a stage reads → its inputs: names in the stage, rows, and tensors.
 * @param related whether the stage reads which rows belong to which
 */
function stageInputs(context: StageContext, refs: readonly ColumnRef[], related: boolean): StageInputs {
  const { split, rows: sets, mayBeNull } = context;
  const unique = uniqueNames();
  const names = new Map<string, string>();
  const places: Place[] = [];
  for (const ref of refs) {
    if (names.has(placeKey(ref))) continue;
    names.set(placeKey(ref), columnName(context, ref, unique));
    places.push(ref);
  }
  const schema = places.map(place => ({ ...split.column(place), name: names.get(placeKey(place))! }));
  const ids = new Set(schema.flatMap(({ rows }) => (related ? sets.lineage(rows) : rows)));
  ids.delete(REQUEST_ROWS);
  const rows = [...ids].map(id =>
    related ? { id, grouped: { by: sets.parent(id)!, offsets: rowsName(id, schema, unique) } } : { id },
  );
  const tensors = places.flatMap((place, i) => stageTensors(context, place, schema[i]!.name));
  const grouping = rows.flatMap(({ id, grouped }) =>
    grouped ? [[grouped.offsets, split.tensorName(rowsTensor(id, "runs"))] as const] : [],
  );
  return {
    schema,
    rows,
    nullable: schema.flatMap(({ name }, i) => (mayBeNull(places[i]!) ? [name] : [])),
    tensors: [...tensors.map(t => t.config), ...grouping.map(([offsets]) => tensor(offsets, "int32", [-1]))],
    map: Object.fromEntries([...tensors.map(t => [t.config.name, t.ensemble]), ...grouping]),
    redirect: ref => ({ name: ref.name, step: REQUEST_STEP, column: names.get(placeKey(ref))! }),
  };
}

/** The column's own name, unless one of its tensors would have the name of another. */
function columnName({ split, mayBeNull }: StageContext, place: Place, unique: Unique): string {
  const col = split.column(place);
  const nullable = mayBeNull(place);
  return unique(place.column, name => [
    ...new Set([name, ...stageColumn({ ...col, name }, { nullable }).map(one => one.name)]),
  ]);
}

/** Candidates have the layout of a list of their user's, so their offsets are named after the first of their columns. */
function rowsName(rows: string, schema: readonly ColumnSchema[], unique: Unique): string {
  const first = schema.find(c => c.rows === rows && !isRagged(c));
  return unique(first ? offsetsName(first.name) : `${rows.replace(/\W/g, "_")}__rows`);
}
