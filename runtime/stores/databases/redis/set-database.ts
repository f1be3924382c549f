/**
 * Redis 8 vector sets: the queries of a request are shared out to the connections, and each sends its part in one write. Queries with a condition
 * are answered exactly if the set is small, or if the index finds too few.
 */
import { setImmediate as pause } from "node:timers/promises";
import { type Filter, filterSize } from "../../../../contract/vector-filter/filter.js";
import type { RedisVectorStore } from "../../../../formats/vectors/vector-store.js";
import { invalid } from "../../../base/errors.js";
import { foreignText } from "../../../base/foreign-text.js";
import type { RedisCommand } from "../../redis-commands.js";
import { toUnitLength } from "../../vectors/unit-length.js";
import { connectionSettings } from "../connection-settings.js";
import { checkedCalls } from "../guarded-call.js";
import { type Refuse, refuses } from "../refusals.js";
import type { Found, VectorDatabase, VectorQuery } from "../vector-database.js";
import { openClient, redisFailure, type SetClient } from "./set-client.js";
import { listedValues, setFilter } from "./set-filter.js";
import { checkDimension, checkInfo, checkLayout, checkServer, layoutKey } from "./set-layout.js";

/** Candidates that a search keeps, without a condition and with one. */
const KEPT = { all: 400, some: 200 } as const;
const KEPT_PER_HIT = { all: 2, some: 4 } as const;
/** Part of the items that the index reads at most for a condition: their time is at most that of comparing all items, which follows. */
const READ_PART = 0.03;
/** Items that a search reads at least for each candidate that it keeps. */
const READ_PER_KEPT = 2;
/** Items that an exact search compares in the time in which the index reads one. */
const SCANNED_PER_READ = 10;
/** A server compares on after the deadline, so a user's list is bounded. */
const MOST_LISTED = 4096;
/** Characters of conditions that are written at once. */
const SLICE = 2 ** 18;

/** @param file name of the store, for messages @throws RuntimeFault */
export async function openVectorSet(store: RedisVectorStore, file: string): Promise<VectorDatabase> {
  const settings = connectionSettings(store, file);
  const client = openClient(store, settings, store.timeoutMs);
  const set: VectorSet = { store, client, refuse: refuses(settings.where), layout: undefined, count: 0 };
  const call = await checkedCalls(settings, store.timeoutMs, redisFailure, () => describe(set), client.close);
  return {
    search: (queries, signal) => call(() => searchAll(set, queries), signal),
    info: () => call(() => describe(set)),
    close: async () => client.close(),
  };
}

interface VectorSet {
  readonly store: RedisVectorStore;
  readonly client: SetClient;
  readonly refuse: Refuse;
  /** The last one that was found right. */
  layout: unknown;
  /** As of the last reply. */
  count: number;
}

async function describe(set: VectorSet): ReturnType<VectorDatabase["info"]> {
  const { store, client, refuse } = set;
  const [hello] = await client.run([["HELLO"]]);
  const version = checkServer(store, hello, refuse);
  const [dimension, layout, count, info] = await client.run([
    ["VDIM", store.key],
    ["GET", layoutKey(store)],
    ["VCARD", store.key],
    ["VINFO", store.key],
  ]);
  checkDimension(store, dimension, refuse);
  const { attributes } = checkLayout(store, layout, refuse);
  const links = checkInfo(store, info, refuse);
  set.count = Number(count);
  return {
    server: `Redis ${version}`,
    count: Number(count),
    isEstimate: false,
    index: store.index === "none" ? "none: searches are exact" : `hnsw with ${links} links`,
    attributes,
  };
}

const isConditional = ({ filter }: VectorQuery): boolean => !("always" in filter && filter.always);

/** How the index is searched for a query with a condition. */
interface Effort {
  readonly kept: number;
  /** Hits that a search which was not cut short finds. */
  readonly wanted: number;
  readonly read: number;
}

/** @returns undefined if all items are compared */
function effortOf({ store, count }: VectorSet, query: VectorQuery): Effort | undefined {
  const { index, efSearch, filterEf } = store;
  const { k } = query;
  const least = Math.max(KEPT.some, KEPT_PER_HIT.some * k);
  const kept = efSearch === undefined ? least : Math.max(efSearch, KEPT_PER_HIT.all * k);
  const read = filterEf ?? Math.ceil(READ_PART * count);
  const isSmall = filterEf === undefined ? read < READ_PER_KEPT * kept : count <= SCANNED_PER_READ * filterEf;
  return index === "none" || isSmall ? undefined : { kept, wanted: Math.min(kept, least), read };
}

async function searchAll(set: VectorSet, queries: readonly VectorQuery[]): Promise<readonly Found[]> {
  for (const { filter } of queries) checkLists(filter);
  const efforts = queries.map(query => (isConditional(query) ? effortOf(set, query) : undefined));
  const all = queries.map((_, i) => i);
  const searches = await inSlices(all, queries, i => searchOf(set.store, queries[i]!, efforts[i] ?? "exact"));
  const found = await searchSome(set, searches);
  // The index was cut short: it may have missed nearer items.
  const short = queries.flatMap((_, i) => (efforts[i] && found[i]!.ids.length < efforts[i].wanted ? [i] : []));
  const exact = await searchSome(set, await inSlices(short, queries, i => searchOf(set.store, queries[i]!, "exact")));
  const hits = found.map(({ ids, distances }, i): Found => {
    const { k } = queries[i]!;
    return { ids: ids.slice(0, k), distances: distances.slice(0, k) };
  });
  short.forEach((i, at) => {
    hits[i] = exact[at]!;
  });
  return hits;
}

/** Writes queries one after the other, with a pause for other requests after long ones. */
async function inSlices<T>(
  some: readonly number[],
  queries: readonly VectorQuery[],
  write: (query: number) => T,
): Promise<T[]> {
  const written: T[] = [];
  let size = 0;
  for (const i of some) {
    size += filterSize(queries[i]!.filter);
    if (size > SLICE) {
      await pause();
      size = 0;
    }
    written.push(write(i));
  }
  return written;
}

function checkLists(filter: Filter): void {
  const listed = listedValues(filter);
  if (listed > MOST_LISTED)
    throw invalid(
      `a condition has ${listed} values in lists, and Redis compares each with each item: at most ${MOST_LISTED} are sent. Send shorter lists.`,
    );
}

async function searchSome(set: VectorSet, searches: readonly RedisCommand[]): Promise<readonly Found[]> {
  if (searches.length === 0) return [];
  const size = Math.ceil(searches.length / Math.min(set.client.size, searches.length));
  const parts = Array.from({ length: Math.ceil(searches.length / size) }, (_, at) =>
    searchPart(set, searches.slice(at * size, (at + 1) * size), at),
  );
  // If the server ends all connections, a retry must not use one whose end is not seen yet.
  await Promise.allSettled(parts);
  return (await Promise.all(parts)).flat();
}

/** Searches of one connection. A search in a set that is missing finds nothing without an error, so that its dimension is read before. */
async function searchPart(set: VectorSet, commands: readonly RedisCommand[], at: number): Promise<readonly Found[]> {
  const { store, client, refuse } = set;
  const head: RedisCommand[] = [
    ["VDIM", store.key],
    ["GET", layoutKey(store)],
    ["VCARD", store.key],
  ];
  const [dimension, layout, count, ...replies] = await client.run([...head, ...commands], at);
  checkDimension(store, dimension, refuse);
  if (layout !== set.layout || layout === null) checkLayout(store, layout, refuse);
  set.layout = layout;
  set.count = Number(count);
  return replies.map(reply => {
    if (!Array.isArray(reply)) throw refuse("the reply to a search is not a list of items", "Correct `url`.");
    return foundOf(reply as readonly string[], store, refuse);
  });
}

/** @param effort for a query without a condition, `exact` is as the store's `index` says */
function searchOf(store: RedisVectorStore, query: VectorQuery, effort: Effort | "exact"): RedisCommand {
  const { vector, k, filter } = query;
  const { key, efSearch, index, dimension } = store;
  const search = ["VSIM", key, "FP32", unitBytes(vector, dimension), "WITHSCORES", "COUNT"] as const;
  if (effort !== "exact")
    return [...search, effort.wanted, "FILTER", setFilter(filter), "EF", effort.kept, "FILTER-EF", effort.read];
  if (isConditional(query)) return [...search, k, "FILTER", setFilter(filter), "TRUTH"];
  if (index === "none") return [...search, k, "TRUTH"];
  return [...search, k, "EF", Math.max(efSearch ?? KEPT.all, KEPT_PER_HIT.all * k)];
}

/** Redis computes lengths in float32, where large values overflow. @throws RuntimeFault for NaN and infinities */
export function unitBytes(vector: Float32Array, dimension: number): Buffer {
  const unit = Float32Array.from(vector);
  toUnitLength(unit, dimension);
  if (unit.some(Number.isNaN)) throw invalid("a vector holds NaN or an infinity, which has no cosine.");
  return Buffer.from(unit.buffer);
}

const INT64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n } as const;

/** Redis' similarity is from 0 to 1. */
function foundOf(reply: readonly string[], { ids, key }: RedisVectorStore, refuse: Refuse): Found {
  const count = reply.length / 2;
  const texts = Array.from({ length: count }, (_, i) => reply[2 * i]!);
  const distances = Float32Array.from({ length: count }, (_, i) => 2 * Number(reply[2 * i + 1]) - 1);
  if (ids === "string") return { ids: texts, distances };
  return { ids: BigInt64Array.from(texts, text => idOf(text, key, refuse)), distances };
}

export function idOf(text: string, key: string, refuse: Refuse): bigint {
  const id = /^(0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : undefined;
  if (id === undefined || id < INT64.least || id > INT64.most)
    throw refuse(
      `the vector set \`${key}\` has an item \`${foreignText(text).slice(0, 40)}\`, which is not an int64`,
      "Write `ids: string`, or remove the item.",
    );
  return id;
}
