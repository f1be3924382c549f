/** A filter → a condition of SQL. Values become parameters; names of attributes are checked when the store's file is read. */
import type { Filter, Scalar } from "../../../../contract/vector-filter/filter.js";
import { quoteName } from "../../../../formats/sqlite/quote-sql.js";
import type { AttributeDType } from "../../../../formats/vectors/vector-store.js";

export const quoted = (name: string): string => name.split(".").map(quoteName).join(".");

/** `pg` has no form of its own for integers beyond 2^53. */
const plain = (value: Scalar | readonly Scalar[]): unknown =>
  Array.isArray(value)
    ? value.map(plain as (one: Scalar) => unknown)
    : typeof value === "bigint"
      ? String(value)
      : value;

/** @param values take each value @returns the placeholder of a value */
export const bindTo =
  (values: unknown[]) =>
  (value: Scalar | readonly Scalar[]): string =>
    `$${values.push(plain(value))}`;

/** How a parameter is sent: integers as the widest, which are compared with narrower ones by index. */
const PARAMETERS: Readonly<Record<AttributeDType, string>> = {
  int32: "bigint",
  int64: "bigint",
  float32: "double precision",
  float64: "double precision",
  bool: "boolean",
  string: "text",
};

/**
 * @param bind adds a value and returns its placeholder
 * @param table alias of the table
 */
export function pgFilter(
  filter: Filter,
  attributes: Readonly<Record<string, AttributeDType>>,
  table: string,
  bind: (value: Scalar | readonly Scalar[]) => string,
): string {
  const write = (at: Filter): string => {
    if ("all" in at) return at.all.length === 0 ? "true" : `(${at.all.map(write).join(" AND ")})`;
    if ("any" in at) return at.any.length === 0 ? "false" : `(${at.any.map(write).join(" OR ")})`;
    if ("always" in at) return String(at.always);
    const column = `${table}.${quoted(at.attribute)}`;
    if ("missing" in at) return `${column} IS ${at.missing ? "" : "NOT "}NULL`;
    if ("text" in at) {
      const value = `${bind(at.value)}::text`;
      const test = {
        startsWith: `starts_with(${column}, ${value})`,
        includes: `strpos(${column}, ${value}) > 0`,
        endsWith: `right(${column}, length(${value})) = ${value}`,
      }[at.text];
      return at.negated ? `NOT (${test})` : `(${test})`;
    }
    const type = PARAMETERS[attributes[at.attribute]!];
    if ("among" in at)
      return at.negated
        ? `${column} <> ALL(${bind(at.among)}::${type}[])`
        : `${column} = ANY(${bind(at.among)}::${type}[])`;
    return `${column} ${at.is === "!=" ? "<>" : at.is} ${bind(at.value)}::${type}`;
  };
  return write(filter);
}
