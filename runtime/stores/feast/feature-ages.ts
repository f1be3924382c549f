/**
 * Features with their event times → the same, with values older than a time to live marked as outdated.
 */
import type { Values } from "../../base/columns/table.js";
import { FEATURE_STATUS, type FeatureColumn } from "./store.js";

/** @param ttlSeconds age up to which a value is served @param now seconds since 1970; a value without a time is as new as can be */
export function withoutOutdated(feature: FeatureColumn, ttlSeconds: number, now: number): FeatureColumn {
  const { status, eventSeconds, values, offsets } = feature;
  const statuses = status.map((known, i) =>
    known !== FEATURE_STATUS.notFound && eventSeconds![i]! + ttlSeconds < now ? FEATURE_STATUS.outdated : known,
  );
  if (!statuses.includes(FEATURE_STATUS.outdated)) return feature;
  const gone = (i: number) => statuses[i] === FEATURE_STATUS.outdated;
  const kept = values.slice() as { [i: number]: unknown; readonly length: number };
  if (!offsets) {
    const nothing = blank(values);
    for (let i = 0; i < statuses.length; i++) if (gone(i)) kept[i] = nothing;
    return { values: kept as unknown as Values, status: statuses };
  }
  const runs = new Int32Array(offsets.length);
  let at = 0;
  for (let i = 0; i < statuses.length; i++) {
    if (!gone(i)) for (let j = offsets[i]!; j < offsets[i + 1]!; j++) kept[at++] = values[j];
    runs[i + 1] = at;
  }
  return { values: (kept as unknown as Values).slice(0, at) as Values, offsets: runs, status: statuses };
}

function blank(values: Values): number | bigint | string {
  if (Array.isArray(values)) return "";
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return 0n;
  return values instanceof Float32Array || values instanceof Float64Array ? Number.NaN : 0;
}
