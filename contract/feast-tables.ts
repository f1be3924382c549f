/**
 * Features as they were at one moment: what a `queryFeast` step looks up when it is lowered.
 */
import type { DType, Values } from "../triton-protos/datatype.js";

export interface FeastFeatureTable {
  /** Column of the step that it becomes. */
  readonly column: string;
  readonly dtype: DType;
  /** One row per entity; zero, NaN or `""` where there is none. */
  readonly values: Values;
  /** Lists: one run per entity. */
  readonly offsets?: Int32Array;
  /** Per entity: 0 not found, 1 present, 2 null, 3 outdated. */
  readonly status: Uint8Array;
  /** The rule for a missing value. */
  readonly missing: "error" | "null" | "drop" | { readonly default: Values };
}

export interface FeastViewTable {
  readonly view: string;
  /** Per join key its name, the place of its column among the step's inputs, and a value per entity. */
  readonly keys: readonly {
    readonly name: string;
    readonly input: number;
    readonly dtype: DType;
    readonly values: Values;
  }[];
  readonly entities: number;
  readonly features: readonly FeastFeatureTable[];
  readonly ttlSeconds: number | null;
  /** Newest and oldest event, seconds since 1970; null where the store does not say. */
  readonly newest: number | null;
  readonly oldest: number | null;
}

/** All views of a step. */
export interface FeastTables {
  /** Seconds since 1970. */
  readonly taken: number;
  readonly views: readonly FeastViewTable[];
  /** Output columns that are keys → place among the step's inputs. */
  readonly ids: Readonly<Record<string, number>>;
}
