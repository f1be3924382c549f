/**
 * Reads many hashes of a Redis store (one server, a cluster, or a sentinel's target) within a deadline. ioredis finds the servers, connects
 * and reconnects. Replies are read by `hash-stream.ts`.
 */
import { type Cluster, Redis } from "ioredis";
import type { RedisStore } from "../../../formats/feast/feast-online-store.js";
import type { Cancellation } from "../../base/cancellation.js";
import { RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import { type HashStream, hashStream } from "./hash-stream.js";
import type { HashReplies } from "./hmget.js";
import { keySlot } from "./key-slot.js";
import { clientOptions, connected, makeCluster, makeSingle } from "./redis-client.js";
import { cancelled, redisFaults, within } from "./redis-faults.js";

/** The same fields of many hashes. */
export interface HashQuery {
  readonly keys: readonly Buffer[];
  readonly fields: readonly Buffer[];
}

/** Replies to some of a query's keys. */
export interface HashPart extends HashReplies {
  /** The place of each among the query's keys; undefined where they are all, in order. */
  readonly rows?: Int32Array;
}

export interface HashReader {
  /**
   * @param describe names what a key is about, for messages
   * @returns for each query parts that together hold a reply for each key; a key may be in two, and has values in one at most
   * @throws RuntimeFault UNAVAILABLE when the server is away or does not answer in time; INVALID_ARGUMENT when it refuses a key
   */
  read(
    queries: readonly HashQuery[],
    signal: Cancellation | undefined,
    describe: (query: number, key: number) => string,
  ): Promise<readonly (readonly HashPart[])[]>;
  close(): void;
}

/** Connections to the servers of one store. */
interface Servers {
  readonly client: Redis | Cluster;
  readonly streams: Iterable<HashStream>;
  /** Connects. @throws (rejects) when there is no server */
  open(): Promise<void>;
  read(query: HashQuery): Promise<readonly HashPart[]>;
  close(): void;
}

/** RESP2 has no messages but replies. ioredis does not see the replies of a `HashStream`, which closes a silent connection itself. */
const PROTOCOL = { protocol: 2, socketTimeout: undefined } as const;

/** @throws RuntimeFault when no server answers within the deadline */
export async function connectHashReader(store: RedisStore, timeoutMs: number): Promise<HashReader> {
  const servers = store.mode === "cluster" ? new ClusterServers(store, timeoutMs) : singleServer(store, timeoutMs);
  const faults = redisFaults(store, timeoutMs, servers.client);
  try {
    await within(servers.open(), timeoutMs, () => new Error(`it did not answer within ${timeoutMs} ms`));
  } catch (error) {
    servers.close();
    throw faults.away(error);
  }
  return {
    read: async (queries, signal, describe) => {
      if (signal?.aborted) throw cancelled();
      const began = performance.now();
      const late = (): RuntimeFault => {
        for (const stream of servers.streams) stream.closeIfSilent(began);
        return faults.late();
      };
      try {
        const read = Promise.all(queries.map(query => servers.read(query)));
        const parts = await within(read, timeoutMs, late, signal);
        parts.forEach((ofQuery, q) => {
          for (const { rows, errors } of ofQuery)
            for (const [at, message] of errors) throw faults.refused(message, describe(q, rows?.[at] ?? at));
        });
        return parts;
      } catch (error) {
        throw error instanceof RuntimeFault ? error : faults.away(error);
      }
    },
    close: () => servers.close(),
  };
}

function singleServer(store: RedisStore, timeoutMs: number): Servers {
  const client = makeSingle(store, timeoutMs, PROTOCOL);
  const streams: HashStream[] = [];
  return {
    client,
    streams,
    open: async () => {
      await connected(client, store);
      streams.push(hashStream(client));
    },
    read: async ({ keys, fields }) => [await streams[0]!.read(keys, fields)],
    close: () => client.disconnect(),
  };
}

/** Errors of a cluster that is changing: ioredis follows them. */
const ELSEWHERE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN) /;

class ClusterServers implements Servers {
  readonly client: Cluster;
  readonly #store: RedisStore;
  readonly #options: Omit<ReturnType<typeof clientOptions>, keyof typeof PROTOCOL> & typeof PROTOCOL;
  /** By `host:port` of the masters. */
  readonly #streams = new Map<string, HashStream>();
  #isClosed = false;

  constructor(store: RedisStore, timeoutMs: number) {
    this.client = makeCluster(store, timeoutMs);
    this.#store = store;
    this.#options = { ...clientOptions(store, timeoutMs), ...PROTOCOL };
  }

  get streams(): Iterable<HashStream> {
    return this.#streams.values();
  }

  async open(): Promise<void> {
    await connected(this.client, this.#store);
    await this.#follow();
    this.client.on("refresh", () => {
      if (!this.#isClosed) inBackground(this.#follow(), "connecting to the servers of a Redis cluster");
    });
  }

  async read(query: HashQuery): Promise<readonly HashPart[]> {
    const parts: HashPart[] = [];
    const again: number[] = [];
    await Promise.all(
      Array.from(this.#rowsByNode(query), async ([node, rows]) => {
        const part = await this.#readFrom(node, query, rows, again);
        if (part) parts.push(part);
      }),
    );
    if (again.length > 0) parts.push(await this.#readSlowly(query, Int32Array.from(again)));
    return parts;
  }

  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams.values()) stream.close();
    this.client.disconnect();
  }

  /** One connection to each server that has slots. */
  async #follow(): Promise<void> {
    const masters = new Set(this.client.slots.flatMap(nodes => nodes[0] ?? []));
    for (const [node, stream] of this.#streams)
      if (!masters.has(node)) {
        stream.close();
        this.#streams.delete(node);
      }
    await Promise.all([...masters].filter(node => !this.#streams.has(node)).map(node => this.#connect(node)));
  }

  async #connect(node: string): Promise<void> {
    const colon = node.lastIndexOf(":");
    const server = new Redis({ ...this.#options, host: node.slice(0, colon), port: Number(node.slice(colon + 1)) });
    // Its keys are read by the cluster's client meanwhile, which says what is wrong.
    server.on("error", () => {});
    this.#streams.set(node, hashStream(server));
    await server.connect().catch(() => {});
  }

  #rowsByNode({ keys }: HashQuery): ReadonlyMap<string, readonly number[]> {
    const ofNode = new Map<string, number[]>();
    keys.forEach((key, row) => {
      const node = this.client.slots[keySlot(key)]?.[0] ?? "";
      const rows = ofNode.get(node);
      if (rows) rows.push(row);
      else ofNode.set(node, [row]);
    });
    return ofNode;
  }

  /** @param again takes the rows that another server may have @returns nothing where all of them are read again */
  async #readFrom(
    node: string,
    { keys, fields }: HashQuery,
    rows: readonly number[],
    again: number[],
  ): Promise<HashPart | undefined> {
    const stream = this.#streams.get(node);
    const own = rows.map(row => keys[row]!);
    const replies = stream?.ready ? await stream.read(own, fields).catch(() => undefined) : undefined;
    if (!replies) {
      again.push(...rows);
      return undefined;
    }
    // A key without values here gets them from the part that is read again.
    const errors = new Map(replies.errors);
    for (const [at, message] of replies.errors)
      if (ELSEWHERE.test(message)) {
        errors.delete(at);
        again.push(rows[at]!);
      }
    return { ...replies, errors, rows: Int32Array.from(rows) };
  }

  /** By the cluster's client, which looks for the server that has the key now. */
  async #readSlowly({ keys, fields }: HashQuery, rows: Int32Array): Promise<HashPart> {
    const errors = new Map<number, string>();
    const replies = await Promise.all(
      Array.from(rows, (row, i) =>
        this.client.callBuffer("HMGET", keys[row]!, ...fields).catch((error: Error) => {
          if (error.name !== "ReplyError") throw error;
          errors.set(i, error.message);
          return fields.map(() => null);
        }),
      ),
    );
    return { ...joined((replies as (Buffer | null)[][]).flat()), errors, rows };
  }
}

/** Values of their own as places in one buffer. */
function joined(values: readonly (Buffer | null)[]): Pick<HashReplies, "bytes" | "places"> {
  const places = new Int32Array(2 * values.length).fill(-1);
  let at = 0;
  values.forEach((value, i) => {
    if (!value) return;
    places[2 * i] = at;
    at += value.length;
    places[2 * i + 1] = at;
  });
  return { bytes: Buffer.concat(values.filter(value => value !== null)), places };
}
