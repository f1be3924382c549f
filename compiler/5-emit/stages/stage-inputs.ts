/** Columns that a stage reads → its inputs: names in the stage, rows, and tensors. */
import { offsetsName, rowsTensor, stageColumn, type TensorConfig, tensor } from "../../../contract/column-tensors.js";
import { type ColumnRef, type PlanStage, REQUEST_STEP } from "../../../contract/plan.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "../../../contract/schema.js";
import { type Place, placeKey } from "../ensemble/refs.js";
import { type Unique, uniqueNames } from "../ensemble/unique-names.js";
import { type StageContext, stageTensors } from "./stage-context.js";

export interface StageInputs {
  readonly schema: readonly ColumnSchema[];
  readonly rows: PlanStage["rows"];
  readonly nullable: readonly string[];
  readonly tensors: readonly TensorConfig[];
  /** Tensor of the stage → of the ensemble. */
  readonly map: Readonly<Record<string, string>>;
  /** The same column as one of the stage's request. */
  redirect(ref: ColumnRef): ColumnRef;
}

/** @param related whether the stage reads which rows belong to which */
export function stageInputs(context: StageContext, refs: readonly ColumnRef[], related: boolean): StageInputs {
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
export function columnName({ split, mayBeNull }: StageContext, place: Place, unique: Unique): string {
  const col = split.column(place);
  const nullable = mayBeNull(place);
  return unique(place.column, name => [
    ...new Set([name, ...stageColumn({ ...col, name }, { nullable }).map(one => one.name)]),
  ]);
}

/** Candidates have the layout of a list of their user's, so their offsets are named after the first of their columns. */
export function rowsName(rows: string, schema: readonly ColumnSchema[], unique: Unique): string {
  const first = schema.find(c => c.rows === rows && !isRagged(c));
  return unique(first ? offsetsName(first.name) : `${rows.replace(/\W/g, "_")}__rows`);
}
