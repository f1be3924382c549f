/**
 * Lists of a shadow that differ from the response → lists of an exposure log of their own, beside that of the model. An item of either branch
 * is a row. `position` is its place in the response, and kept columns have its place and score in the other branch.
 */
import { nameFault } from "../../../contract/files/model-name.js";
import type { Plan } from "../../../contract/plan.js";
import { itemFault } from "../../../contract/plan-log.js";
import { isShadow } from "../../../contract/shadows.js";
import { datatype } from "../../../triton-protos/datatype.js";
import type { Column, Rows } from "../../base/columns/table.js";
import type { ShadowComparison } from "../../engine/schedule/kernel.js";
import type { KeptColumn, LoggedModel } from "./batch.js";
import type { ListPlan, LogReader } from "./log-reader.js";
import type { Run } from "./run-recorder.js";

/** Ends the name of the model in the log of its shadows. */
const SHADOW_MODEL = ".shadow";

const kept = (name: string, dtype: KeptColumn["dtype"]): KeptColumn => ({
  ...{ name, dtype, list: false, perList: false, hashed: false },
});
const KEPT = [kept("shadow_position", "int32"), kept("shadow_score", "float64"), kept("response_score", "float64")];

/** Numbers of the recorded columns. */
const COLUMNS = ["item", "id", ...KEPT.map(({ name }) => name)];

export interface ShadowReader {
  readonly reader: LogReader;
  readonly described: Omit<LoggedModel, "id" | "version" | "plan">;
}

/** The log of each shadow of a plan whose lists have ids that can be logged, by the shadow's step. */
export function shadowReaders(
  { steps }: Plan,
  model: string,
  retentionDays: number | undefined,
): ReadonlyMap<string, ShadowReader> {
  const readers = new Map<string, ShadowReader>();
  // A folder has this name.
  if (nameFault(model + SHADOW_MODEL) !== undefined) return readers;
  for (const step of steps.filter(isShadow)) {
    const item = step.outputs.find(({ name }) => name === step.params.item);
    if (!item || itemFault(item) !== undefined) continue;
    const lists: ListPlan = {
      item: 0,
      // Without scores, so that items are matched by their ids alone.
      pool: { ids: 1, scores: COLUMNS.length, shown: COLUMNS.length },
      draw: "unknown",
      kept: KEPT.map((_, i) => ({ column: 2 + i, place: "pool" })),
      others: [],
      sources: [],
      arms: [[step.label]],
    };
    readers.set(step.id, {
      reader: {
        columns: COLUMNS.map(name => ({ name, step: step.id, column: name })),
        ...{ lists, seed: undefined, splits: [step.id], sources: [] },
      },
      described: {
        model: model + SHADOW_MODEL,
        textItems: datatype(item.dtype).kind === "string",
        ...{ sources: [], draws: false, rate: 1, kept: KEPT },
        ...(retentionDays !== undefined && { retentionDays }),
      },
    });
  }
  return readers;
}

/** @param rows of the run's requests, at least @returns undefined if no list differs, or lists are not those of the rows */
export function shadowRun(step: string, { main, other, differences }: ShadowComparison, rows: number): Run | undefined {
  const root = main.item?.rows.parent;
  if (!root || root.parent || root.count < rows || !other.item || differences.length === 0) return undefined;
  const columns = columnsOf({ main, other, differences }, { count: root.count });
  return {
    columnOf: (_, name) => columns.get(name)!,
    sides: new Map([[step, new Int32Array(root.count)]]),
    ...{ fallbacks: new Map(), leftOut: new Map() },
  };
}

/** Rows of both branches: places in `main` and `other`, -1 for none, and the place in the list of the other branch. */
interface Joined {
  readonly main: number[];
  readonly other: number[];
  readonly position: number[];
}

function columnsOf({ main, other, differences }: ShadowComparison, root: Rows): ReadonlyMap<string, Column> {
  const shown: number[] = [];
  const all: Joined = { main: [], other: [], position: [] };
  const [shownOffsets, offsets] = [new Int32Array(root.count + 1), new Int32Array(root.count + 1)];
  let next = 0;
  const endLists = (until: number): void => {
    for (; next < until; next++) [shownOffsets[next + 1], offsets[next + 1]] = [shown.length, all.main.length];
  };
  for (const { list, main: own, other: others } of differences) {
    endLists(list);
    // The first of equal ids stays.
    const placeOf = new Map(
      presentOf(other.item!, others)
        .toReversed()
        .map(twin => [other.item!.values[twin.row]!, twin]),
    );
    for (const { row } of presentOf(main.item!, own)) {
      const twin = placeOf.get(main.item!.values[row]!);
      placeOf.delete(main.item!.values[row]!);
      shown.push(row);
      add(all, row, twin);
    }
    for (const twin of placeOf.values()) add(all, -1, twin);
    endLists(list + 1);
  }
  endLists(root.count);
  const rows: Rows = { count: all.main.length, parent: root, offsets };
  const { dtype } = main.item!;
  const floats = (column: Column | undefined, places: readonly number[]): Column => ({
    ...{ dtype: "float64", rows },
    values: Float64Array.from(places, place => (column && place >= 0 ? numberAt(column, place) : Number.NaN)),
  });
  return new Map<string, Column>([
    [
      "item",
      { dtype, rows: { count: shown.length, parent: root, offsets: shownOffsets }, values: picked(main.item!, shown) },
    ],
    ["id", { dtype, rows, values: idsOf(main.item!, other.item!, all) }],
    [
      "shadow_position",
      {
        dtype: "int32",
        rows,
        values: Int32Array.from(all.position),
        validity: Uint8Array.from(all.position, at => Number(at > 0)),
      },
    ],
    ["shadow_score", floats(other.score, all.other)],
    ["response_score", floats(main.score, all.main)],
  ]);
}

interface Twin {
  readonly row: number;
  /** From 1. */
  readonly place: number;
}

function add(to: Joined, row: number, twin: Twin | undefined): void {
  to.main.push(row);
  to.other.push(twin?.row ?? -1);
  to.position.push(twin?.place ?? 0);
}

/** Rows of a list whose ids are not null. */
const presentOf = ({ validity }: Column, [from, length]: readonly [number, number]): readonly Twin[] =>
  Array.from({ length }, (_, i) => ({ row: from + i, place: i + 1 })).filter(({ row }) => validity?.[row] !== 0);

const numberAt = ({ values, validity }: Column, row: number): number =>
  validity?.[row] === 0 ? Number.NaN : Number(values[row]);

function picked({ values }: Column, rows: readonly number[]): Column["values"] {
  if (!ArrayBuffer.isView(values)) return rows.map(row => values[row]!);
  return fill(values, rows.length, i => values[rows[i]!]!);
}

function idsOf({ values }: Column, { values: others }: Column, { main, other }: Joined): Column["values"] {
  const of = (i: number) => (main[i]! >= 0 ? values[main[i]!]! : others[other[i]!]!);
  return ArrayBuffer.isView(values) ? fill(values, main.length, of) : main.map((_, i) => of(i) as string);
}

function fill<A extends Exclude<Column["values"], readonly string[]>>(
  like: A,
  length: number,
  of: (i: number) => unknown,
): A {
  const values = new (like.constructor as new (length: number) => A)(length);
  for (let i = 0; i < length; i++) values[i] = of(i) as never;
  return values;
}
