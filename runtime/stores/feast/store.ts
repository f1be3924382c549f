/**
 * The interface of online feature stores: views and entity keys → columns with a status per key. One call per request, however many keys
 * and views; a store answers them in one round trip.
 */
import type { BytesForm } from "../../../formats/feast/feast-key.js";
import type { FeastFeature, FeastView } from "../../../formats/feast/feast-registry.js";
import type { Cancellation } from "../../base/cancellation.js";
import type { Column, Values } from "../../base/columns/table.js";

/** The state of one feature of one entity in the store; `outdated` is older than its view's `ttl`. */
export const FEATURE_STATUS = { notFound: 0, present: 1, null: 2, outdated: 3 } as const;

/** True if `onMissing` decides about it; a stored null is a value. */
export const isMissing = (status: number): boolean =>
  status === FEATURE_STATUS.notFound || status === FEATURE_STATUS.outdated;

/** One feature of every requested key. */
export interface FeatureColumn {
  /** Zero, NaN or `""` where the status is neither `present` nor `outdated`. */
  readonly values: Values;
  /** Lists: one run per key, empty where there is no value. */
  readonly offsets?: Int32Array;
  /** One of `FEATURE_STATUS` per key. */
  readonly status: Uint8Array;
  /** All of them are `present`. */
  readonly whole?: true;
  /** Event time per key, seconds since 1970, if requested; NaN if the store has none. */
  readonly eventSeconds?: Float64Array;
}

/** Features of one view. */
export interface ViewRead {
  readonly view: FeastView;
  readonly features: readonly FeastFeature[];
}

export interface ReadOptions {
  /** How BYTES become text: as UTF-8, where bytes that are none are a fault, or as base64. */
  readonly bytes: BytesForm;
  /** Answers event times too. */
  readonly eventTimes: boolean;
}

export interface FeatureReader {
  /**
   * @param keys per join key one column; together the columns' rows are distinct entities, without nulls, of the dtypes the join keys have
   * @param count how many entries to answer: those beyond the keys are not found
   * @param signal ends the wait for a store beyond this process
   * @param run the state of changing stores that a run of a plan reads: it stays the same for the run
   * @returns one column per feature, view by view, in the requested order
   */
  getOnline(
    keys: ReadonlyMap<string, Column>,
    count: number,
    signal?: Cancellation,
    run?: Map<object, unknown>,
  ): readonly FeatureColumn[] | Promise<readonly FeatureColumn[]>;
  /** Whether it is read from memory, so that a repeated key costs less than detecting it. */
  takesDoubles?(): boolean;
}

export interface FeatureStore {
  /** @throws RuntimeFault when the store has no such view */
  prepare(reads: readonly ViewRead[], options: ReadOptions): FeatureReader | Promise<FeatureReader>;
  close(): void | Promise<void>;
}
