/**
 * Stored values of one feature, key by key in any order → its column with statuses.
 */
import type { FeastFeature, FeastView } from "../../../formats/feast/feast-registry.js";
import { type FeastType, type FeastTypeRow, feastType, isStructured } from "../../../formats/feast/feast-type.js";
import { decodeValue, type ValueSink } from "../../../formats/feast/feast-value.js";
import type { Values } from "../../base/columns/table.js";
import { internal, RuntimeFault } from "../../base/errors.js";
import { columnSink } from "./column-sink.js";
import { FEATURE_STATUS, type FeatureColumn, type ReadOptions } from "./store.js";

/** Pushes one value into the sink and says which type it was; null for a null value. */
export type PushValue = (sink: ValueSink) => FeastType | null;

export interface ColumnBuilder {
  /**
   * @param describe names the entity, for messages
   * @param seconds event time, where it is known
   * @throws RuntimeFault for a value that the registry's type does not take
   */
  add(key: number, push: PushValue, describe: () => string, seconds?: number): void;
  finish(): FeatureColumn;
}

/** @throws for a stored type that is not a narrower form of the declared one: a list for a scalar, a map for text */
function refuseOtherKind(stored: FeastType, declared: FeastTypeRow): void {
  const row = feastType(stored);
  if (row.list !== declared.list)
    throw new Error(`a ${declared.list ? "list" : "scalar"} belongs there and the store holds ${stored}`);
  if (isStructured(row) !== isStructured(declared))
    throw new Error(`${declared.name} belongs there and the store holds ${stored}`);
}

/** A serialized `Value`; empty bytes are a null too. */
export const valueBytes =
  (bytes: Uint8Array | null): PushValue =>
  sink =>
    bytes === null ? null : decodeValue(bytes, sink);

/** @param count number of keys */
export function columnBuilder(
  view: FeastView,
  { name, type }: FeastFeature,
  count: number,
  { bytes, eventTimes }: ReadOptions,
): ColumnBuilder {
  const declared = feastType(type!);
  const { dtype, list } = declared;
  const what = `feature \`${view.name}:${name}\``;
  const sink = columnSink(dtype, count, what, bytes);
  const status = new Uint8Array(count);
  // Lists: the start and length of each key's items; rows may arrive in any order.
  const starts = new Int32Array(list ? count : 0);
  const counts = new Int32Array(list ? count : 0);
  const times = eventTimes ? new Float64Array(count).fill(Number.NaN) : undefined;
  return {
    add: (key, push, describe, seconds) => {
      if (list) starts[key] = sink.at;
      else sink.at = key;
      try {
        const stored = push(sink);
        status[key] = stored === null ? FEATURE_STATUS.null : FEATURE_STATUS.present;
        if (stored !== null && stored !== type) refuseOtherKind(stored, declared);
      } catch (error) {
        if (error instanceof RuntimeFault) throw error;
        throw internal(
          `${what} of ${describe()} can not be read: ${(error as Error).message}. Materialize the view again.`,
          { cause: error },
        );
      }
      if (list) counts[key] = sink.at - starts[key]!;
      if (times && seconds !== undefined) times[key] = seconds;
    },
    finish: () => {
      const seen = times && { eventSeconds: times };
      if (!list) return { values: sink.values(count), status, ...seen };
      const offsets = new Int32Array(count + 1);
      let ordered = true;
      for (let i = 0; i < count; i++) {
        offsets[i + 1] = offsets[i]! + counts[i]!;
        if (counts[i]! > 0 && starts[i] !== offsets[i]) ordered = false;
      }
      const values = sink.values(offsets[count]!, !ordered);
      return { values: ordered ? values : inOrder(values, starts, offsets), offsets, status, ...seen };
    },
  };
}

/** Items of lists in another order than their keys, or with a repeated key. */
function inOrder(values: Values, starts: Int32Array, offsets: Int32Array): Values {
  const total = offsets[starts.length]!;
  const sorted = values.slice(0, total) as { [i: number]: unknown };
  for (let i = 0; i < starts.length; i++)
    for (let at = offsets[i]!, j = starts[i]!; at < offsets[i + 1]!; at++, j++) sorted[at] = values[j];
  return sorted as unknown as Values;
}
