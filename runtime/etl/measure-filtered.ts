/** An index, a condition and queries → the way of a filtered search, and its recall and time beside an exact filtered search. */
import { existsSync } from "node:fs";
import type { Expression } from "../../contract/expression.js";
import type { SearchParameters } from "../../formats/faiss/faiss.js";
import { readTextIds, textIdsFile } from "../../formats/faiss/text-ids.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { Column } from "../base/columns/table.js";
import { preparePredicate } from "../engine/predicate/predicate.js";
import { openAttributes } from "../stores/attributes/live-attributes.js";
import { type Among, type FilteredWay, filteredWay } from "../stores/vectors/filtered-search.js";
import { type FilteredIndex, openFilteredIndex } from "../stores/vectors/open-index.js";
import type { FaissHits } from "../stores/vectors/protocol.js";

export interface FilteredOptions {
  readonly topk: number;
  readonly parameters: SearchParameters;
  readonly attributes: string;
  readonly key: { readonly name: string; readonly dtype: DType };
  /** Columns of the table that the condition reads. */
  readonly columns: Readonly<Record<string, DType>>;
  readonly conditions: readonly Expression[];
  /** The user's values: columns of one row. */
  readonly user: ReadonlyMap<string, Column>;
}

export interface FilteredMeasure {
  /** Items that fulfill the condition, and all. */
  readonly items: number;
  readonly ntotal: number;
  readonly way: FilteredWay;
  /** Share of the exact answer's ids that were found, over all queries; 1 if no item fulfills the condition. */
  readonly recall: number;
  /** Milliseconds for one query alone: median and 99th percentile. */
  readonly p50: number;
  readonly p99: number;
  readonly hits: FaissHits;
}

/** @param queries vectors of the index's dimension, one after the other @throws RuntimeFault naming the file */
export async function measureFiltered(
  path: string,
  queries: Float32Array,
  { topk, parameters, attributes, key, columns, conditions, user }: FilteredOptions,
): Promise<FilteredMeasure> {
  const index = await openFilteredIndex(path, parameters);
  try {
    const { ntotal } = index.header;
    const map = textIdsFile(path);
    const texts = existsSync(map) ? readTextIds(map, { index: path, ntotal }) : undefined;
    const at = texts ? texts.at : (position: number) => index.ids?.[position] ?? BigInt(position);
    const table = await openAttributes({ file: attributes, key, columns, index: path, ids: { count: ntotal, at } });
    table.close();
    const run = preparePredicate(conditions, "the condition").begin(table.current, user, 1);
    const none = { bits: new Uint8Array(Math.ceil(ntotal / 8)), count: 0 };
    const set = run.groups.length > 0 ? await run.candidates(0) : none;
    const k = Math.min(topk, ntotal);
    const among = { ...set, ...filteredWay(index.header, parameters, set.count, k) };
    const [found, times] = await searchAll(index, among, queries, k);
    const [exact] = await searchAll(index, { ...set, way: "exact", effort: 0 }, queries, k);
    return { items: set.count, ntotal, way: among.way, recall: recallOf(found, exact), hits: found, ...times };
  } finally {
    await index.close();
  }
}

/** Queries that are timed, one by one. */
const TIMED = 200;

async function searchAll(index: FilteredIndex, among: Among, queries: Float32Array, k: number) {
  const { dimension } = index.header;
  const count = queries.length / dimension;
  const found = await index.searchAmong(among, queries.slice(), count, k);
  const times: number[] = [];
  for (let row = 0; row < Math.min(TIMED, count); row++) {
    const query = queries.slice(row * dimension, (row + 1) * dimension);
    const began = performance.now();
    await index.searchAmong(among, query, 1, k);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const part = (share: number): number => times[Math.floor(times.length * share)]!;
  return [found, { p50: part(0.5), p99: part(0.99) }] as const;
}

function recallOf(found: FaissHits, exact: FaissHits): number {
  let hits = 0;
  for (let row = 0; row + 1 < exact.offsets.length; row++) {
    const own = new Set(found.ids.subarray(found.offsets[row], found.offsets[row + 1]));
    for (let i = exact.offsets[row]!; i < exact.offsets[row + 1]!; i++) if (own.has(exact.ids[i]!)) hits++;
  }
  return exact.ids.length === 0 ? 1 : hits / exact.ids.length;
}
