/** Dates and timestamps of files → integers of a unit since 1970, in UTC, rounded down as pandas does. */
import { TICKS_A_DAY, type TimeUnit } from "../../../contract/time-unit.js";
import type { Sql } from "./dialect.js";

/** DuckDB's and Spark's names. A time of day without a date is none of them. */
export const isTime = (type: string): boolean =>
  type === "DATE" || /^TIMESTAMP(_S|_MS|_NS|_NTZ| WITH TIME ZONE)?$/.test(type);

/** @param type of `value`, as the engine says it */
export function timeAsNumber(value: string, type: string, unit: TimeUnit, sql: Sql): string {
  const from: TimeUnit = type === "DATE" ? "d" : type === "TIMESTAMP_NS" ? "ns" : "us";
  const ticks = sql.ticks(value, from);
  const [has, wants] = [TICKS_A_DAY[from], TICKS_A_DAY[unit]];
  if (wants >= has) return wants === has ? ticks : `(${ticks} * ${wants / has})`;
  const by = has / wants;
  return sql.divide(`(${ticks} - (${ticks} % ${by} + ${by}) % ${by})`, String(by));
}
