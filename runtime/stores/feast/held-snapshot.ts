/** Snapshots of a reader → its responses, and changes since then. */
import { askedName } from "../../../formats/feast/feast-key.js";
import { feastType } from "../../../formats/feast/feast-type.js";
import type { DType } from "../../../triton-protos/datatype.js";
import { type Column, gather, rootRows } from "../../base/columns/table.js";
import { indexTuples, type TupleIndex } from "../../base/columns/tuple-index.js";
import { indexValues } from "../../base/columns/value-index.js";
import { type MakeTable, ownTable } from "../../base/shared/shared-table.js";
import { mergeViews } from "./merge-views.js";
import { cellsOf, type TableState, type ViewChanges } from "./snapshot-changes.js";
import type { SnapshotOrder, ViewSnapshot } from "./snapshot-form.js";
import type { Taken } from "./snapshot-reply.js";
import { FEATURE_STATUS, type FeatureColumn, type ViewRead } from "./store.js";

export type Answer = (keys: ReadonlyMap<string, Column>, count: number) => readonly FeatureColumn[];

/** The views of a reader in memory, with an index of the keys of each. */
export interface Held {
  readonly views: readonly ViewSnapshot[];
  readonly finds: readonly TupleIndex[];
  readonly bytes: number;
  /** See `Taken`; empty before the first change. */
  readonly tables: readonly (TableState | undefined)[];
}

/** @param makeTable where the indexes of numbers are */
export const hold = (order: SnapshotOrder, taken: Taken, makeTable: MakeTable = ownTable): Held => ({
  ...taken,
  finds: taken.views.map(({ keys }, i) =>
    finder(keys, order.reads[i]!, (name, length, fill) => makeTable(`view ${i} ${name}`, length, fill)),
  ),
});

/** @returns undefined if the result could exceed the limit, or if the store has fewer rows than memory: some were deleted */
export function holdChanges(order: SnapshotOrder, before: Held, changes: readonly ViewChanges[]): Held | undefined {
  const bytes = changes.reduce((sum, change) => sum + change.bytes, before.bytes);
  if (bytes > order.limit) return undefined;
  const views: ViewSnapshot[] = [];
  const finds: TupleIndex[] = [];
  for (const [i, { view, table }] of changes.entries()) {
    const old = before.views[i]!;
    if (view.keys[0]!.rows.count > 0 && view.keyFrame !== old.keyFrame) return undefined;
    const find = before.finds[i]!;
    const next = mergeViews(old, view, find(view.keys));
    if (cellsOf(next) !== table.cells) return undefined;
    views.push(next);
    finds.push(next.keys === old.keys ? find : finder(next.keys, order.reads[i]!));
  }
  return { views, finds, bytes, tables: changes.map(({ table }) => table) };
}

export function answerFrom(reads: readonly ViewRead[], { views, finds }: Held): Answer {
  const parts = views.map(({ keys, features }, i) => {
    const joins = reads[i]!.view.joinKeys.map(askedName);
    const dtypes = reads[i]!.features.map(feature => feastType(feature.type!).dtype);
    return { joins, find: finds[i]!, unknown: keys[0]!.rows.count, picks: features.map(picker), dtypes };
  });
  return (keys, count) => {
    const answer: FeatureColumn[] = [];
    for (const { joins, find, unknown, picks, dtypes } of parts) {
      const found = find(joins.map(name => keys.get(name)!));
      const places = found.length === count ? found : padded(found, count);
      let known = true;
      for (let i = 0; i < count; i++)
        if (places[i]! < 0) {
          places[i] = unknown;
          known = false;
        }
      for (let i = 0; i < picks.length; i++) answer.push(picks[i]!(dtypes[i]!, places, known));
    }
    return answer;
  };
}

/** Those beyond the keys are not found. */
function padded(found: Int32Array, count: number): Int32Array {
  const places = new Int32Array(count).fill(-1);
  places.set(found);
  return places;
}

function finder(keys: readonly Column[], { view }: ViewRead, makeTable: MakeTable = ownTable): TupleIndex {
  if (keys.length > 1) return indexTuples(keys, view.joinKeys.map(askedName), "the online store");
  const places = indexValues(keys[0]!.values, makeTable);
  return columns => places(columns[0]!.values);
}

/** A feature of all entities → of those at some places. If all known ones have it, their statuses are not looked up one by one. */
function picker({ values, offsets, status, eventSeconds }: FeatureColumn) {
  const unknown = status.length - 1;
  const whole = status.subarray(0, unknown).every(one => one === FEATURE_STATUS.present);
  /** @param known whether none of the places is that of an unknown entity */
  return (dtype: DType, places: Int32Array, known: boolean): FeatureColumn => {
    const rows = rootRows(places.length);
    const picked = gather(offsets ? { dtype, rows, values, offsets } : { dtype, rows, values }, places, rows);
    const times = eventSeconds && { eventSeconds: Float64Array.from(places, place => eventSeconds[place]!) };
    const runs = picked.offsets && { offsets: picked.offsets };
    if (whole && known) return { values: picked.values, ...runs, status: allPresent(places.length), whole, ...times };
    const statuses = new Uint8Array(places.length);
    for (let i = 0; i < places.length; i++) statuses[i] = status[places[i]!]!;
    return { values: picked.values, ...runs, status: statuses, ...times };
  };
}

let present = new Uint8Array(0);

/** Shared by all requests; statuses are never written. */
function allPresent(count: number): Uint8Array {
  if (present.length < count) present = new Uint8Array(2 * count).fill(FEATURE_STATUS.present);
  return present.subarray(0, count);
}
