/**
 * Event times as Feast's stores keep them → seconds since 1970.
 */
import { cursor, nextTag, readInt64, readUint32, skipField } from "../../../formats/bytes/wire.js";

/** SQLite: text in UTC (`2024-01-01 00:00:00.5`, with or without a zone) or epoch seconds. NaN for anything else. */
export function eventSeconds(stored: unknown): number {
  if (typeof stored === "number" || typeof stored === "bigint") return Number(stored);
  if (typeof stored !== "string") return Number.NaN;
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/.test(stored) ? stored : `${stored}Z`;
  return Date.parse(zoned.replace(" ", "T")) / 1000;
}

/** Redis: a serialized `google.protobuf.Timestamp`. */
export function timestampSeconds(bytes: Uint8Array): number {
  const c = cursor(bytes);
  let seconds = 0;
  let nanos = 0;
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    if (tag >>> 3 === 1) seconds = Number(readInt64(c));
    else if (tag >>> 3 === 2) nanos = readUint32(c);
    else skipField(c, tag);
  }
  return seconds + nanos / 1e9;
}
