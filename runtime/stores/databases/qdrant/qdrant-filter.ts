/** A filter → a filter of Qdrant. Integers are sent as numbers: attributes have none beyond 2^53. */
import { all, any, type Filter, NEVER, type Order, type Scalar } from "../../../../contract/vector-filter/filter.js";

/** Conditions of Qdrant, as JSON has them. */
export type QdrantFilter = Readonly<Record<string, unknown>>;

/** Integers that an attribute may have: Qdrant compares integers as doubles. */
export const MOST_INTEGER = 2n ** 53n - 1n;

/** @returns a filter, true or false if it holds for all or for none */
export function qdrantFilter(filter: Filter): QdrantFilter | boolean {
  const within = inRange(filter);
  if ("always" in within) return within.always;
  const written = write(within);
  return "key" in written || "is_empty" in written ? { must: [written] } : written;
}

/** With integers that attributes can have alone. */
function inRange(at: Filter): Filter {
  if ("all" in at) return all(at.all.map(inRange));
  if ("any" in at) return any(at.any.map(inRange));
  if ("always" in at || "missing" in at || "text" in at) return at;
  const present: Filter = { attribute: at.attribute, missing: false };
  if ("among" in at) {
    const among = at.among.filter(isHeld);
    return among.length > 0 ? { ...at, among } : at.negated ? present : NEVER;
  }
  const { is, value } = at;
  if (isHeld(value)) return at;
  if (is === "=" || is === "!=") return is === "=" ? NEVER : present;
  return (value as bigint) > 0n === is.startsWith("<") ? present : NEVER;
}

const isHeld = (value: Scalar): boolean =>
  typeof value !== "bigint" || (value <= MOST_INTEGER && value >= -MOST_INTEGER);

const RANGES: Readonly<Record<Order, string>> = { "<": "lt", "<=": "lte", ">": "gt", ">=": "gte" };

function write(at: Filter): QdrantFilter {
  if ("all" in at) return { must: at.all.map(write) };
  if ("any" in at) return { should: at.any.map(write) };
  if ("always" in at || "text" in at) throw new Error("a test that is not Qdrant's");
  const { attribute: key } = at;
  const empty = { is_empty: { key } };
  if ("missing" in at) return at.missing ? empty : { must_not: [empty] };
  if ("among" in at) {
    const test = at.among.every(isListed)
      ? { key, match: { any: at.among.map(plain) } }
      : { should: at.among.map(value => equal(key, value)) };
    return at.negated ? { must_not: [empty, test] } : test;
  }
  if (at.is !== "=" && at.is !== "!=") return { key, range: { [RANGES[at.is]]: plain(at.value) } };
  const test = equal(key, at.value);
  return at.is === "=" ? test : { must_not: [empty, test] };
}

/** Lists have texts and integers. */
const isListed = (value: Scalar): boolean => typeof value === "string" || typeof value === "bigint";

/** Qdrant has no equality of floats. */
const equal = (key: string, value: Scalar): QdrantFilter =>
  typeof value === "number" ? { key, range: { gte: value, lte: value } } : { key, match: { value: plain(value) } };

const plain = (value: Scalar): number | string | boolean => (typeof value === "bigint" ? Number(value) : value);
