/**
 * The exposure log: what a served ensemble showed, and with which probability. One row is one logged candidate of one row of a request.
 * The writer, the feedback join and the evaluation read the same record of columns.
 */

/** How DuckDB names the type of a fixed column. `id` is the dtype of the candidates: BIGINT or VARCHAR. */
export type ExposureType = "VARCHAR" | "INTEGER" | "BIGINT" | "DOUBLE" | "TIMESTAMP" | "VARCHAR[]" | "id";

export interface ExposureColumn {
  readonly name: string;
  readonly type: ExposureType;
  readonly nullable: boolean;
  readonly meaning: string;
}

const fixed = <const N extends string>(name: N, type: ExposureType, meaning: string) =>
  ({ name, type, nullable: false, meaning }) as const;
const nullable = <const N extends string>(name: N, type: ExposureType, meaning: string) =>
  ({ name, type, nullable: true, meaning }) as const;

/** The columns of every exposure file, in the order of the file. Kept columns follow under their own names. */
export const EXPOSURE_COLUMNS = Object.freeze([
  fixed("request_id", "VARCHAR", "the request's id, or a unique one that the server made"),
  fixed("request_row", "INTEGER", "row of the request's batch, from 0"),
  fixed("time", "TIMESTAMP", "when the response was made: UTC, microseconds"),
  fixed("model", "VARCHAR", "name of the served model"),
  fixed("version", "BIGINT", "version of the served model"),
  fixed("plan", "VARCHAR", "first 16 hexadecimal digits of the SHA-256 of `plan.json`"),
  nullable("artefacts", "VARCHAR", "JSON object: artefact or model name → hash or version"),
  nullable("arm", "VARCHAR", "arm of a split; null without one"),
  nullable("seed", "BIGINT", "seed of the draw"),
  fixed("item", "id", "id of the candidate"),
  nullable("position", "INTEGER", "place in the response, from 1; null for a candidate that was not shown"),
  nullable("score", "DOUBLE", "score that the last ordering ordered by"),
  nullable(
    "propensity",
    "DOUBLE",
    "probability of this item at this position given those above it; 1 for a deterministic ordering, null where it is not known exactly",
  ),
  nullable("list_propensity", "DOUBLE", "probability of the whole shown list: the product over its positions"),
  fixed("sources", "VARCHAR[]", "labels of the steps that found the candidate"),
  fixed("log_rate", "DOUBLE", "probability with which this row was logged; 1 for shown rows"),
] as const satisfies readonly ExposureColumn[]);

/** Name of a fixed column. */
export type ExposureColumnName = (typeof EXPOSURE_COLUMNS)[number]["name"];

const NAMES: ReadonlySet<string> = new Set(EXPOSURE_COLUMNS.map(({ name }) => name));

/** Whether a kept column may not have this name. DuckDB compares names without their case. */
export const isExposureColumn = (name: string): boolean => NAMES.has(name.toLowerCase());

/** The columns that `merlon feedback join` adds to those of a log. `weight` is there with `--negatives` only. */
export const JOINED_COLUMNS = ["label", "reward", "event_time", "weight"] as const;

/** Whether the join makes a column of this name. */
export const isJoinedColumn = (name: string): boolean => JOINED_COLUMNS.some(made => made === name.toLowerCase());

/** Key of the Parquet file's metadata that describes it as JSON: `{ format: 1, model, plan, kept }`. Readers must not need it. */
export const EXPOSURE_METADATA = "merlon.exposures";

/** Version of the columns, in the metadata. */
export const EXPOSURE_FORMAT = 1;
