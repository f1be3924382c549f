/** The differences between the engines of the feedback join, beyond those of `sql/dialect.ts`. Everything else in its statements is one text. */
import type { Engine } from "../engine.js";
import { text } from "../sql/literal.js";

export interface JoinSql {
  identifier(name: string): string;
  text(value: string): string;
  struct(fields: Readonly<Record<string, string>>): string;
  /** A statement that keeps the rows of a query under a name. */
  table(name: string, select: string): string;
  readonly semiJoin: string;
  /** Type of a text, of a list of texts, of a time without a zone, and of the largest integers. */
  readonly types: Readonly<Record<"VARCHAR" | "VARCHAR[]" | "TIMESTAMP" | "HUGEINT", string>>;
  /** Microseconds since 1970 of a time without a zone, in UTC or in a zone. */
  micros(time: string, zone?: string): string;
  microsOfInstant(time: string): string;
  /** A time without a zone, from microseconds. */
  time(micros: string): string;
  /** A text as an instant, in UTC unless it has an offset. */
  readonly instant: string;
  isFiniteTime(time: string): string;
  fullMatch(value: string, pattern: string): string;
  /** The first half of the MD5 of a text, as a little-endian integer; a float. */
  hash(value: string): string;
}

const DUCKDB = {
  text,
  table: (name, select) => `CREATE TEMP TABLE ${name} AS ${select}`,
  semiJoin: "SEMI JOIN",
  types: { VARCHAR: "VARCHAR", "VARCHAR[]": "VARCHAR[]", TIMESTAMP: "TIMESTAMP", HUGEINT: "HUGEINT" },
  micros: (time, zone) => (zone === undefined ? `epoch_us(${time})` : `epoch_us(timezone(${text(zone)}, ${time}))`),
  microsOfInstant: time => `epoch_us(${time})`,
  time: micros => `make_timestamp(${micros})`,
  instant: "TIMESTAMP WITH TIME ZONE",
  isFiniteTime: time => `isfinite(${time})`,
  fullMatch: (value, pattern) => `regexp_full_match(${value}, '${pattern}')`,
  // No release of the database changes MD5.
  hash: value => `CAST(md5_number_upper(${value}) AS DOUBLE)`,
} satisfies Omit<JoinSql, "identifier" | "struct">;

/** Spark reads backslashes in literals. */
const sparkText = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

const SPARK = {
  text: sparkText,
  // The rows are kept in memory, and spill to disk.
  table: (name, select) => `CACHE TABLE ${name} AS ${select}`,
  semiJoin: "LEFT SEMI JOIN",
  types: { VARCHAR: "STRING", "VARCHAR[]": "ARRAY<STRING>", TIMESTAMP: "TIMESTAMP_NTZ", HUGEINT: "DECIMAL(38, 0)" },
  // The session's zone is UTC.
  micros: (time, zone) =>
    zone === undefined
      ? `unix_micros(CAST(${time} AS TIMESTAMP))`
      : `unix_micros(to_utc_timestamp(CAST(${time} AS TIMESTAMP), ${sparkText(zone)}))`,
  microsOfInstant: time => `unix_micros(${time})`,
  time: micros => `CAST(timestamp_micros(${micros}) AS TIMESTAMP_NTZ)`,
  instant: "TIMESTAMP",
  isFiniteTime: () => "true",
  fullMatch: (value, pattern) => `(${value} RLIKE '^(?:${pattern})$')`,
  hash: value => {
    const bytes = Array.from({ length: 8 }, (_, i) => `substr(md5(${value}), ${15 - 2 * i}, 2)`);
    return `CAST(conv(concat(${bytes.join(", ")}), 16, 10) AS DOUBLE)`;
  },
} satisfies Omit<JoinSql, "identifier" | "struct">;

export const joinSql = ({ sql: { engine, identifier, struct } }: Pick<Engine, "sql">): JoinSql => ({
  ...(engine === "spark" ? SPARK : DUCKDB),
  identifier,
  struct,
});
