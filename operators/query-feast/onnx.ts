/**
 * Entity keys → frozen features: the place of the key in the snapshot, and a `Gather` for each feature. The last row of a table is that of an
 * unknown entity.
 */

import { NotLoweredError } from "../../compiler/5-emit/onnx/not-lowered.js";
import { and, gather, greater, guarded, int64, less, not, or, where } from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { withReferences } from "../../contract/any-step.js";
import type { FeastFeatureTable, FeastViewTable } from "../../contract/feast-tables.js";
import type { AnyStep, Plan, Step } from "../../contract/plan.js";
import type { ArrowColumn } from "../../formats/arrow/arrow-columns.js";
import { datatype } from "../../triton-protos/datatype.js";
import { keepWhere } from "../shared/onnx/keep-where.js";
import { placesOf, tuplePlaces } from "../shared/onnx/key-places.js";
import { amongTaken, graphDtype, type LoweredColumn, type RowSet } from "../shared/onnx/lowered-column.js";
import { type LowerContext, type Lowering, LoweringFault } from "../shared/onnx/lowering.js";
import { graphValues } from "../shared/onnx/table-lookup.js";

const [NOT_FOUND, PRESENT, NULL, OUTDATED] = [0, 1, 2, 3];

export const queryFeast: Lowering<"queryFeast"> = (step, { input }, context) => {
  const { g } = context;
  const tables = context.feast(step);
  const { rows } = input[0];
  const made = new Map<string, LoweredColumn>();
  const drops: Value[] = [];
  for (const view of tables.views) {
    const at = entityPlaces(
      context,
      step.inputs.input.map(ref => ref.name),
      input,
      view,
    );
    for (const feature of view.features) {
      const checked = feature.missing === "error" ? refuseUnknown(g, step.label, view, feature, at, rows) : at;
      made.set(feature.column, featureColumn(g, feature, checked, rows));
      if (feature.missing === "drop") drops.push(not(g, isMissing(g, feature, at)));
    }
  }
  const columns = step.outputs.map(({ name }) => made.get(name) ?? input[tables.ids[name]!]!);
  if (drops.length === 0) return columns;
  return keepWhere(
    step,
    columns,
    drops.reduce((a, b) => and(g, a, b)),
    context,
  );
};

/** int64[n]: place of the entity, or as many as there are for one that is not known. */
function entityPlaces(
  context: LowerContext,
  names: readonly string[],
  input: readonly LoweredColumn[],
  view: FeastViewTable,
): Value {
  const { g } = context;
  const columns = view.keys.map(key => input[key.input]!);
  const own = view.keys.map(key => names[key.input]!);
  const keys = view.keys.map(({ dtype, values }): ArrowColumn => ({ dtype, values }));
  const found =
    keys.length === 1 ? placesOf(context, columns[0]!, own[0]!, keys[0]!) : tuplePlaces(context, columns, own, keys);
  // A key with a null matches no entity.
  const whole = columns.flatMap(col => (col.valid ? [col.valid] : []));
  const known = whole.reduce((a, b) => and(g, a, b), not(g, less(g, found, int64(g, 0))));
  return where(g, known, found, int64(g, view.entities));
}

/** A stored null is a value. */
const isMissing = (g: GraphBuilder, feature: FeastFeatureTable, at: Value): Value =>
  or(g, statusIs(g, feature.status, at, NOT_FOUND), statusIs(g, feature.status, at, OUTDATED));

const statusIs = (g: GraphBuilder, status: Uint8Array, at: Value, wanted: number): Value =>
  gather(
    g,
    g.constant(
      "bool",
      [status.length + 1],
      [...Array.from(status, s => Number(s === wanted)), Number(wanted === NOT_FOUND)],
    ),
    at,
  );

function refuseUnknown(
  g: GraphBuilder,
  label: string,
  view: FeastViewTable,
  feature: FeastFeatureTable,
  at: Value,
  rows: RowSet,
): Value {
  const unknown = feature.status.some(s => s === NOT_FOUND || s === OUTDATED)
    ? isMissing(g, feature, at)
    : greater(g, at, int64(g, view.entities - 1));
  const keys = view.keys.map(key => key.name).join(", ");
  const reason = `step ${label} (queryFeast): view ${view.view} has no ${feature.column} for a ${keys}`;
  return guarded(g, at, amongTaken(g, unknown, rows, false), reason);
}

function featureColumn(g: GraphBuilder, feature: FeastFeatureTable, at: Value, rows: RowSet): LoweredColumn {
  const { dtype, status, missing } = feature;
  const given = typeof missing === "object" ? missing.default : undefined;
  if (feature.offsets) return listColumn(g, feature, feature.offsets, given, at, rows);
  const kind = graphDtype(dtype);
  const blank = kind === "string" ? "" : datatype(dtype).kind === "float" ? Number.NaN : 0;
  const lacking = given ? given[0]! : blank;
  const source = feature.values as readonly (number | bigint | string)[];
  const cells = Array.from(status, (s, i) => (s === PRESENT ? source[i]! : lacking));
  cells.push(lacking);
  const values = gather(g, g.constant(kind, [cells.length], graphValues(cells as never, kind)), at);
  const domain = dtype === "string" && { domain: new Set(cells as string[]) };
  const head = { dtype, rows, values, ...domain };
  if (given || datatype(dtype).kind === "float") return head;
  if (missing === "error" && !status.includes(NULL)) return head;
  const known = g.constant("bool", [cells.length], [...Array.from(status, s => Number(s === PRESENT)), 0]);
  return { ...head, valid: gather(g, known, at) };
}

function listColumn(
  g: GraphBuilder,
  { dtype, status, values }: FeastFeatureTable,
  offsets: Int32Array,
  given: ArrowColumn["values"] | undefined,
  at: Value,
  rows: RowSet,
): LoweredColumn {
  const kind = graphDtype(dtype);
  const none = (given ?? []) as readonly (number | bigint | string)[];
  const source = values as readonly (number | bigint | string)[];
  const lists = [
    ...Array.from(status, (s, i) =>
      s === PRESENT ? Array.from({ length: offsets[i + 1]! - offsets[i]! }, (_, j) => source[offsets[i]! + j]!) : none,
    ),
    none,
  ];
  const longest = Math.max(1, ...lists.map(list => list.length));
  const blank = kind === "string" ? "" : 0;
  const cells = lists.flatMap(list => [...list, ...new Array<typeof blank>(longest - list.length).fill(blank)]);
  const table = g.constant(kind, [lists.length, longest], graphValues(cells as never, kind));
  const lengths = g.constant(
    "int64",
    [lists.length],
    BigInt64Array.from(lists, list => BigInt(list.length)),
  );
  const domain = dtype === "string" && { domain: new Set(cells as string[]) };
  const head = { dtype, rows, values: gather(g, table, at), lengths: gather(g, lengths, at), ...domain };
  return given ? head : { ...head, listValid: statusIs(g, status, at, PRESENT) };
}

/**
 * Plan → the same without its look-ups on the request's rows: their features are inputs of the request.
 * Removes a queryFeast step and makes its outputs inputs of the request. @throws Error for features of candidates, which a request cannot
 * have
 */
export function withFeatureInputs(plan: Plan): Plan {
  const gone = new Map<string, Step<"queryFeast">>();
  for (const step of plan.steps) if (step.op === "queryFeast") gone.set(step.id, step);
  const byKey = new Map(plan.inputs.map(col => [col.name, col]));
  const follow = (ref: Plan["outputs"][number]["ref"]): typeof ref => {
    const step = gone.get(ref.step);
    if (!step?.outputs.some(col => col.rows === "request")) return ref;
    if (!Object.hasOwn(step.params.features, ref.column)) {
      const id = step.inputs.input[0];
      return { ...follow(id), name: ref.name };
    }
    const known = byKey.get(ref.column);
    const made = step.outputs.find(col => col.name === ref.column)!;
    if (known && known.dtype !== made.dtype)
      throw new NotLoweredError(plan.name, [
        new LoweringFault(
          `\`${plan.name}\` would read two columns \`${ref.column}\` of the request`,
          "Give one look-up a `prefix`.",
          ref.step,
        ),
      ]);
    byKey.set(ref.column, { ...made, rows: "request" });
    return { ...ref, step: "request", column: ref.column };
  };
  const steps: AnyStep[] = plan.steps.flatMap(step => {
    if (gone.has(step.id) && step.outputs.every(col => col.rows === "request")) return [];
    return [withReferences(step, follow)];
  });
  const outputs = plan.outputs.map(output => ({ ...output, ref: follow(output.ref) }));
  return { ...plan, steps, outputs, inputs: [...byKey.values()] };
}
