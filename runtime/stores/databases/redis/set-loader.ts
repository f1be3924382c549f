/** Writes a vector set: items by their ids, or a whole copy that takes the place of the old set in one step. */
import { randomUUID } from "node:crypto";
import type { Scalar } from "../../../../contract/vector-filter/filter.js";
import type { RedisVectorStore } from "../../../../formats/vectors/vector-store.js";
import { within } from "../../feast/redis-faults.js";
import type { RedisCommand } from "../../redis-commands.js";
import { connectionSettings } from "../connection-settings.js";
import { type GuardedCall, guardedCalls } from "../guarded-call.js";
import { type Refuse, refuses } from "../refusals.js";
import type { Swap, VectorLoader, VectorRows } from "../vector-database.js";
import { openClient, redisFailure, type SetClient } from "./set-client.js";
import { idOf, unitBytes } from "./set-database.js";
import { attributesText, MOST_INTEGER } from "./set-filter.js";
import {
  besideKey,
  checkDimension,
  checkInfo,
  checkLayout,
  checkServer,
  layoutKey,
  layoutText,
  replaceWay,
} from "./set-layout.js";

/** A batch of rows takes longer than a search. */
const LOAD_TIMEOUT_MS = 3_600_000;
const IDS_AT_ONCE = 10_000;
/** A copy whose load was interrupted is removed by the server. */
const COPY_SECONDS = 3600;

interface Target {
  readonly store: RedisVectorStore;
  readonly client: SetClient;
  readonly call: GuardedCall;
  readonly refuse: Refuse;
}

/** @throws RuntimeFault */
export async function loadVectorSet(store: RedisVectorStore, file: string): Promise<VectorLoader> {
  const settings = connectionSettings(store, file);
  const client = openClient({ ...store, pool: 1 }, settings, LOAD_TIMEOUT_MS);
  const call = guardedCalls(settings, LOAD_TIMEOUT_MS, redisFailure);
  const target: Target = { store, client, call, refuse: refuses(settings.where) };
  const { key } = store;
  let copy: Copy | undefined;
  return {
    create: () => createSet(target),
    async upsert(rows) {
      const replies = await call(() => client.run(writesOf(target, rows, copy)));
      if (!copy) return;
      copy.written += rows.ids.length;
      copy.kept += replies.slice(0, rows.ids.length).filter(isMember => isMember === 1).length;
    },
    async *ids() {
      // There is no cursor over a set. As many as it has are all of them, each once.
      const [count] = await call(() => client.run([["VCARD", key]]));
      if (count === 0) return;
      const [texts] = await call(() => client.run([["VRANDMEMBER", key, Number(count)]]));
      const all = texts as readonly string[];
      for (let i = 0; i < all.length; i += IDS_AT_ONCE) {
        const some = all.slice(i, i + IDS_AT_ONCE);
        yield store.ids === "string" ? some : some.map(text => idOf(text, key, target.refuse));
      }
    },
    async remove(ids) {
      const replies = await call(() => client.run(ids.map((id): RedisCommand => ["VREM", key, String(id)])));
      return replies.filter(reply => reply === 1).length;
    },
    // The graph is built as items are written.
    finish: () => Promise.resolve(),
    swap: swapOf(target, made => {
      copy = made;
    }),
    async close() {
      const { key: left } = copy ?? {};
      if (left !== undefined)
        await within(client.run([["UNLINK", left]]), store.timeoutMs, () => new Error()).catch(() => {});
      client.close();
    },
  };
}

/** @returns true where there was no set @throws RuntimeFault for one that differs */
async function createSet({ store, client, call, refuse }: Target): Promise<boolean> {
  const { key } = store;
  checkServer(store, (await call(() => client.run([["HELLO"]])))[0], refuse);
  const [count, layout] = await call(() =>
    client.run([
      ["VCARD", key],
      ["GET", layoutKey(store)],
    ]),
  );
  if (count === 0) {
    await call(() => client.run([["SET", layoutKey(store), layoutText(store)]]));
    return true;
  }
  const [dimension, info] = await call(() =>
    client.run([
      ["VDIM", key],
      ["VINFO", key],
    ]),
  );
  checkDimension(store, dimension, refuse);
  const links = checkInfo(store, info, refuse);
  if (links !== store.links)
    throw refuse(
      `the items of \`${key}\` have ${links} links, and the file says ${store.links}`,
      `Correct \`links\`, or ${replaceWay(store)}`,
    );
  const { attributes } = checkLayout(store, layout, refuse);
  const more = Object.keys(attributes).find(name => !Object.hasOwn(store.attributes, name));
  // Items without it would fulfill no condition that reads it.
  if (more !== undefined)
    throw refuse(
      `the items of \`${key}\` have an attribute \`${more}\`, which the file lacks`,
      `Add it to \`attributes\`, or ${replaceWay(store)}`,
    );
  return false;
}

/** A new set, beside the old one. */
interface Copy {
  readonly key: string;
  written: number;
  /** Items of the old set that it has too. */
  kept: number;
}

/** @returns an item for each row, after a test of whether the old set has it for each row of a copy */
function writesOf({ store, refuse }: Target, { ids, vectors, attributes }: VectorRows, copy?: Copy): RedisCommand[] {
  const { key, dimension, precision, links, efConstruction } = store;
  const to = copy?.key ?? key;
  const items = ids.map((id, i): RedisCommand => {
    const cellOf = (name: string): Scalar | undefined => attributes.get(name)![i];
    checkIntegers(store, cellOf, id, refuse);
    const vector = unitBytes(vectors.subarray(i * dimension, (i + 1) * dimension), dimension);
    const text = attributesText(store.attributes, cellOf);
    const options = [...QUANTIZE[precision], "EF", efConstruction, "SETATTR", text, "M", links];
    return ["VADD", to, "FP32", vector, String(id), ...options];
  });
  if (!copy) return items;
  return [...ids.map((id): RedisCommand => ["VISMEMBER", key, String(id)]), ...items, ["EXPIRE", to, COPY_SECONDS]];
}

const QUANTIZE: Readonly<Record<RedisVectorStore["precision"], readonly string[]>> = {
  full: ["NOQUANT"],
  int8: ["Q8"],
  binary: ["BIN"],
};

function checkIntegers(
  { attributes }: RedisVectorStore,
  cellOf: (name: string) => Scalar | undefined,
  id: bigint | string,
  refuse: Refuse,
): void {
  for (const name of Object.keys(attributes)) {
    const value = cellOf(name);
    if (typeof value === "bigint" && (value > MOST_INTEGER || value < -MOST_INTEGER))
      throw refuse(
        `\`${name}\` of item ${id} is ${value}, and Redis compares numbers as doubles, which are exact to 2^53`,
        "Cast the column to text, and write `string` in `attributes`: texts are compared for equality.",
      );
  }
}

/** Atomic. A copy that the server evicted in part or whole is not put in place. */
const SWAP = `local has = redis.call('VCARD', KEYS[1])
if has ~= tonumber(ARGV[1]) then return {has} end
local before = redis.call('VCARD', KEYS[2])
redis.call('PERSIST', KEYS[1])
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('SET', KEYS[3], ARGV[2])
return {has, before}`;

function swapOf({ store, client, call, refuse }: Target, use: (copy: Copy | undefined) => void): Swap {
  const { key } = store;
  const copy: Copy = { key: besideKey(store, `merlon:${randomUUID()}`), written: 0, kept: 0 };
  return {
    begin: async () => use(copy),
    async end() {
      const keys = [copy.key, key, layoutKey(store)];
      const [reply] = await call(() =>
        client.run([["EVAL", SWAP, keys.length, ...keys, copy.written, layoutText(store)]]),
      );
      const [has, before] = reply as readonly number[];
      if (before === undefined)
        throw refuse(
          `the server kept ${has} of ${copy.written} items that were written to a copy of \`${key}\``,
          "Write `maxmemory-policy noeviction` in its configuration, and load again.",
        );
      use(undefined);
      return before - copy.kept;
    },
  };
}
