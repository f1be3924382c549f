/**
 * The interface of online feature stores: view and entity keys → columns with a status per key. One call per request, however many keys.
 */
import type { FeastFeature, FeastView } from "../../../triton-protos/artefacts/feast-registry.js";
import type { Column, Values } from "../../plan/table.js";

/** What the store knows of one feature of one entity. */
export const FEATURE_STATUS = { notFound: 0, present: 1, null: 2 } as const;

/** One feature of every asked key. */
export interface FeatureColumn {
  /** Zero, NaN or `""` where the status is not `present`. */
  readonly values: Values;
  /** Lists: one run per key, empty where the status is not `present`. */
  readonly offsets?: Int32Array;
  /** One of `FEATURE_STATUS` per key. */
  readonly status: Uint8Array;
}

export interface FeatureReader {
  /**
   * @param keys distinct entity keys, without nulls, of the dtype that the view's join key has
   * @param count how many entries to answer: those beyond the keys are not found
   * @returns one column per feature, in the order asked for
   */
  getOnline(keys: Column, count: number): readonly FeatureColumn[] | Promise<readonly FeatureColumn[]>;
}

export interface FeatureStore {
  /** @throws RuntimeFault when the store has no such view */
  prepare(view: FeastView, features: readonly FeastFeature[]): FeatureReader;
  close(): void | Promise<void>;
}
