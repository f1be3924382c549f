/**
 * Feast's maps and nested lists as JSON text: what a structured feature becomes in a column of strings. Equal maps have equal text: members
 * are sorted by name. Integers are exact, whole doubles keep their `.0`, bytes are base64.
 */
import type { FeastItem } from "./feast-type.js";

/** One decoded item: int64 as a bigint; text that is JSON already, where the item is a map or a nested list. */
export type RawItem = number | bigint | string | Uint8Array;

export function itemJson(kind: FeastItem, value: RawItem): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("base64"));
  if (kind === 5 || kind === 6) return doubleJson(value as number);
  if (kind === 7) return value ? "true" : "false";
  return kind === 1 || kind === 2 ? JSON.stringify(value) : String(value);
}

/** JSON has no word for NaN and the infinities: they are text, as protobuf's own JSON has them. */
export function doubleJson(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${Object.is(value, -0) ? "-0" : value}.0` : String(value);
}

/** @param members names with JSON texts; of two equal names the last one counts */
export function objectJson(members: Iterable<readonly [name: string, text: string]>): string {
  const sorted = [...new Map(members)].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
}
