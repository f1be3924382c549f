/** `merlon index search --where`: a filtered search, and its recall beside an exact one. */

import type { SearchParameters } from "../formats/faiss/faiss.js";
import type { Column, Values } from "../runtime/base/columns/table.js";

export interface WhereOptions {
  readonly where: string;
  readonly attributes?: string;
  readonly key?: string;
  readonly user?: string;
}

/** @returns lines for people: the condition, its selectivity, the way, recall and time @throws Error that says what to give */
export async function searchWhere(
  file: string,
  queries: Float32Array,
  topk: number,
  parameters: SearchParameters,
  { where, attributes, key: named, user: given = "{}" }: WhereOptions,
): Promise<string> {
  if (attributes === undefined)
    throw new Error("--where reads attributes of items: give their table with --attributes.");
  const { readAttributeColumns, KEY_COLUMN } = await import("../formats/tables/attribute-table.js");
  const { readNamed } = await import("../contract/files/file-fault.js");
  const { columns } = readNamed("the table", attributes, readAttributeColumns);
  const name = named ?? KEY_COLUMN;
  const key = columns.find(col => col.name === name);
  if (!key?.dtype)
    throw new Error(
      `${attributes} has no column \`${name}\` of ids; it has ${columns.map(col => col.name).join(", ")}. Name it with --key.`,
    );
  const user = userColumns(given);
  const { compileCondition } = await import("../operators/query-faiss/author-where.js");
  const conditions = compileCondition(where, columns, user);
  const { columnsOfSide } = await import("../contract/where.js");
  const read = new Set(conditions.flatMap(condition => columnsOfSide(condition, "item")));
  const { measureFiltered } = await import("../runtime/etl/measure-filtered.js");
  const { items, ntotal, way, recall, p50, p99 } = await measureFiltered(file, queries, {
    topk,
    parameters,
    attributes,
    key: { name, dtype: key.dtype },
    columns: Object.fromEntries(columns.flatMap(({ name: n, dtype }) => (dtype && read.has(n) ? [[n, dtype]] : []))),
    conditions,
    user,
  });
  const share = ntotal === 0 ? 0 : (100 * items) / ntotal;
  return [
    `condition    ${where}`,
    `items        ${items} of ${ntotal} (${share.toPrecision(3)} %)`,
    `search       ${WAYS[way]}`,
    `recall@${topk}`.padEnd(13) + recall.toFixed(3),
    `time         ${p50.toFixed(3)} ms (median), ${p99.toFixed(3)} ms (p99)`,
    "",
  ].join("\n");
}

const WAYS = {
  exact: "exact, over the items that fulfill the condition",
  lists: "the nearest lists, filtered",
  graph: "the graph, filtered",
} as const;

/** A record of JSON → columns of one row; whole numbers are int64. */
function userColumns(json: string): ReadonlyMap<string, Column> {
  let record: unknown;
  try {
    record = JSON.parse(json);
  } catch {
    // Said below.
  }
  if (typeof record !== "object" || record === null || Array.isArray(record))
    throw new Error(`--user is \`${json}\`; give the user's values as JSON, such as {"country":"de"}.`);
  return new Map(
    Object.entries(record).map(([name, value]) => {
      const isList = Array.isArray(value);
      const { dtype, values } = valuesOf(name, isList ? (value as unknown[]) : [value]);
      const offsets = isList && { offsets: Int32Array.of(0, values.length) };
      return [name, { dtype, rows: { count: 1 }, values, ...offsets }];
    }),
  );
}

function valuesOf(
  name: string,
  items: readonly unknown[],
): { readonly dtype: Column["dtype"]; readonly values: Values } {
  const all = (type: string): boolean => items.every(item => typeof item === type);
  if (all("string")) return { dtype: "string", values: items as string[] };
  if (all("boolean")) return { dtype: "bool", values: Uint8Array.from(items as boolean[], Number) };
  if (!all("number"))
    throw new Error(`--user: \`${name}\` is neither a number, a text, true or false, nor a list of these.`);
  const numbers = items as number[];
  return numbers.every(Number.isSafeInteger)
    ? { dtype: "int64", values: BigInt64Array.from(numbers, BigInt) }
    : { dtype: "float64", values: Float64Array.from(numbers) };
}
