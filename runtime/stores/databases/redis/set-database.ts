/**
 * Redis 8 vector sets: the queries of a request are shared out to the connections, and each sends its part in one write. Queries for which the
 * index finds too few are answered exactly.
 */
import type { RedisVectorStore } from "../../../../formats/vectors/vector-store.js";
import { RuntimeFault } from "../../../base/errors.js";
import { toUnitLength } from "../../vectors/unit-length.js";
import { connectionSettings } from "../connection-settings.js";
import { guardedCalls } from "../guarded-call.js";
import type { Found, VectorDatabase, VectorQuery } from "../vector-database.js";
import { type Command, openClient, redisFailure, type SetClient } from "./set-client.js";
import { setFilter } from "./set-filter.js";
import { checkDimension, checkInfo, checkLayout, checkServer, layoutKey, type Refuse, refuses } from "./set-layout.js";

/** Items that a search with a condition reads at most, for each hit. */
const READ_PER_HIT = 100;
const LEAST_READ = 2000;

/** @param file name of the store, for messages @throws RuntimeFault */
export async function openVectorSet(store: RedisVectorStore, file: string): Promise<VectorDatabase> {
  const settings = connectionSettings(store, file);
  const client = openClient(store, settings, store.timeoutMs);
  const call = guardedCalls(settings, store.timeoutMs, redisFailure);
  const set: VectorSet = { store, client, refuse: refuses(settings.where), layout: undefined };
  try {
    await call(() => describe(set));
  } catch (error) {
    client.close();
    throw error;
  }
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
}

async function describe({ store, client, refuse }: VectorSet): ReturnType<VectorDatabase["info"]> {
  const [hello] = await client.run([["HELLO"]]);
  const version = checkServer(hello, refuse);
  const [dimension, layout, count, info] = await client.run([
    ["VDIM", store.key],
    ["GET", layoutKey(store.key)],
    ["VCARD", store.key],
    ["VINFO", store.key],
  ]);
  checkDimension(store, dimension, refuse);
  const { attributes } = checkLayout(store, layout, refuse);
  const links = checkInfo(store, info, refuse);
  return {
    server: `Redis ${version}`,
    count: Number(count),
    isEstimate: false,
    index: store.index === "none" ? "none: searches are exact" : `hnsw with ${links} links`,
    attributes,
  };
}

async function searchAll(set: VectorSet, queries: readonly VectorQuery[]): Promise<readonly Found[]> {
  const all = queries.map((_, i) => i);
  const found = await searchSome(set, queries, all, set.store.index === "none");
  if (set.store.index === "none") return found;
  // The index reads a bounded number of items, of which few may fulfill the condition.
  const short = all.filter(i => found[i]!.ids.length < queries[i]!.k && !("always" in queries[i]!.filter));
  if (short.length === 0) return found;
  const exact = await searchSome(set, queries, short, true);
  const hits = [...found];
  short.forEach((i, at) => {
    hits[i] = exact[at]!;
  });
  return hits;
}

/** @param some places of queries @returns hits in the order of `some` */
async function searchSome(
  set: VectorSet,
  queries: readonly VectorQuery[],
  some: readonly number[],
  isExact: boolean,
): Promise<readonly Found[]> {
  const { store, client } = set;
  const commands = some.map(i => searchOf(store, queries[i]!, isExact));
  const size = Math.ceil(commands.length / Math.min(client.size, commands.length));
  const parts = Array.from({ length: Math.ceil(commands.length / size) }, (_, at) =>
    searchPart(set, commands.slice(at * size, (at + 1) * size), at),
  );
  // If the server ends all connections, a retry must not use one whose end is not seen yet.
  await Promise.allSettled(parts);
  return (await Promise.all(parts)).flat();
}

/** Searches of one connection. A search in a set that is missing finds nothing without an error, so that its dimension is read before. */
async function searchPart(set: VectorSet, commands: readonly Command[], at: number): Promise<readonly Found[]> {
  const { store, client, refuse } = set;
  const head: Command[] = [
    ["VDIM", store.key],
    ["GET", layoutKey(store.key)],
  ];
  const [dimension, layout, ...replies] = await client.run([...head, ...commands], at);
  checkDimension(store, dimension, refuse);
  if (layout !== set.layout || layout === null) checkLayout(store, layout, refuse);
  set.layout = layout;
  return replies.map(reply => foundOf(reply as readonly string[], store, refuse));
}

function searchOf(store: RedisVectorStore, { vector, k, filter }: VectorQuery, isExact: boolean): Command {
  const { key, efSearch, filterEf = Math.max(LEAST_READ, READ_PER_HIT * k) } = store;
  const condition = "always" in filter && filter.always ? [] : ["FILTER", setFilter(filter)];
  return [
    "VSIM",
    key,
    "FP32",
    unitBytes(vector, store.dimension),
    "WITHSCORES",
    "COUNT",
    k,
    ...condition,
    ...(isExact ? ["TRUTH"] : ["EF", Math.max(efSearch, k)]),
    ...(condition.length > 0 && !isExact ? ["FILTER-EF", filterEf] : []),
  ];
}

/** Redis computes lengths in float32, where large values overflow. @throws RuntimeFault for NaN and infinities */
export function unitBytes(vector: Float32Array, dimension: number): Buffer {
  const unit = Float32Array.from(vector);
  toUnitLength(unit, dimension);
  if (unit.some(Number.isNaN))
    throw new RuntimeFault("INVALID_ARGUMENT", "a vector holds NaN or an infinity, which has no cosine.");
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
      `the vector set \`${key}\` has an item \`${text.slice(0, 40)}\`, which is not an int64`,
      "Write `ids: string`, or remove the item.",
    );
  return id;
}
