/** Times are int64 columns; the unit that they count since 1970 (UTC) in is a property of the column. */
import type { ColumnSchema } from "./schema.js";

/** Ticks a day, by unit. */
export const TICKS_A_DAY = {
  d: 1n,
  s: 86_400n,
  ms: 86_400_000n,
  us: 86_400_000_000n,
  ns: 86_400_000_000_000n,
} as const;

export type TimeUnit = keyof typeof TICKS_A_DAY;

/** Name of the property. */
export const TIME_UNIT = "timestamp";

export const isTimeUnit = (unit: unknown): unit is TimeUnit =>
  typeof unit === "string" && Object.hasOwn(TICKS_A_DAY, unit);

/** The unit a column was declared to count in; undefined where it is just a number. */
export function timeUnitOf({ properties }: Pick<ColumnSchema, "properties">): TimeUnit | undefined {
  const unit = properties[TIME_UNIT];
  return isTimeUnit(unit) ? unit : undefined;
}
