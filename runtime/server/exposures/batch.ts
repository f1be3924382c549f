/** Exposures of one model, as the writer encodes them. */

import type { PageValues, ParquetColumn, Texts } from "../../../formats/tables/parquet-page.js";
import type { ModelVersion } from "../../base/model-version.js";

/** A kept column of a model's log. */
export interface KeptColumn {
  readonly name: string;
  readonly dtype: ParquetColumn["dtype"];
  readonly list: boolean;
  /** One value per list of a response, repeated in its rows; else one per row. */
  readonly perList: boolean;
  /** Written as a keyed hash. */
  readonly hashed: boolean;
}

/** A loaded model whose exposures are written; constant for all of its rows. */
export interface LoggedModel {
  /** Numbers the loaded versions of a process. */
  readonly id: number;
  readonly model: string;
  readonly version: ModelVersion;
  /** First 16 hexadecimal digits of the SHA-256 of its plan. */
  readonly plan: string;
  readonly textItems: boolean;
  /** Labels of the steps that find candidates; bit i of a row's sources is for the i-th. */
  readonly sources: readonly string[];
  /** Whether a step draws, so that rows have a seed. */
  readonly draws: boolean;
  /** Probability with which candidates that were not shown are logged; 0 for none. */
  readonly rate: number;
  readonly kept: readonly KeptColumn[];
  readonly retentionDays?: number;
}

/** A list is what one row of a request was answered; a row is one candidate of it. */
export interface Batch {
  readonly lists: number;
  readonly rows: number;
  /** JSON object of hashes and versions. */
  readonly artefacts: string;
  // One entry per list.
  readonly requestIds: Texts;
  readonly requestRows: Int32Array<ArrayBuffer>;
  /** Empty for none. */
  readonly arms: Texts;
  /** Microseconds since 1970. */
  readonly times: Float64Array<ArrayBuffer>;
  readonly seeds: BigInt64Array<ArrayBuffer>;
  /** NaN for null, as in all floats of a batch. */
  readonly listPropensities: Float64Array<ArrayBuffer>;
  /** Number of its rows. */
  readonly counts: Int32Array<ArrayBuffer>;
  // One entry per row.
  readonly items: BigInt64Array<ArrayBuffer> | Texts;
  /** 0 for a candidate that was not shown. */
  readonly positions: Int32Array<ArrayBuffer>;
  readonly scores: Float64Array<ArrayBuffer>;
  readonly propensities: Float64Array<ArrayBuffer>;
  /** `sourceBytes(sources)` bytes each; empty if there is only one source. */
  readonly sources: Uint8Array<ArrayBuffer>;
  /** In the order of the model's kept columns. */
  readonly kept: readonly PageValues[];
}

/** Bytes of a row's set of sources. */
export const sourceBytes = (sources: number): number => (sources > 1 ? Math.ceil(sources / 8) : 0);
