/** Connections to the Redis server that has a vector set, opened when they are needed, and its errors. */
import { Cluster, Redis } from "ioredis";
import type { RedisVectorStore } from "../../../../formats/vectors/vector-store.js";
import { type RedisCommand, sendAll } from "../../redis-commands.js";
import type { ConnectionSettings } from "../connection-settings.js";
import type { Failure } from "../guarded-call.js";
import { START, TLS } from "../refusals.js";
import { addressOf } from "./set-address.js";

export interface SetClient {
  /** Connections to a server that it has at most. */
  readonly size: number;
  /**
   * Sends commands in one write, and waits for all replies.
   * @param at connection that is used, from 0
   * @throws (rejects) with the first error among the replies, or that of the connection
   */
  run(commands: readonly RedisCommand[], at?: number): Promise<readonly unknown[]>;
  close(): void;
}

/** The server did not answer in time. The connection is closed, so that late replies do not pile up. */
class Late extends Error {}

/** @param timeoutMs of one `run` @throws RuntimeFault for an address that cannot be read */
export function openClient(store: RedisVectorStore, settings: ConnectionSettings, timeoutMs: number): SetClient {
  const dial = dialer(store, settings);
  const connections = new Map<number, Connection>();
  return {
    size: store.pool,
    run: async (commands, at = 0) => {
      const connection = connections.get(at) ?? dial();
      connections.set(at, connection);
      const drop = (): void => {
        if (connections.get(at) === connection) connections.delete(at);
        connection.client.disconnect();
      };
      let isReady = false;
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        drop();
      }, timeoutMs);
      try {
        await connection.ready;
        isReady = true;
        return await sendAll(connection.client, commands, "call");
      } catch (error) {
        if (isLate) throw new Late("it did not answer in time");
        // The client may see the end of its connection later than this error.
        if (!isReady || !isReply(error) || isElsewhere(error)) drop();
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => {
      for (const { client } of connections.values()) client.disconnect();
      connections.clear();
    },
  };
}

interface Connection {
  readonly client: Redis | Cluster;
  /** Rejects with the reason if there is no connection. */
  readonly ready: Promise<void>;
}

function dialer(store: RedisVectorStore, settings: ConnectionSettings): () => Connection {
  const { nodes, options } = addressOf(store, settings);
  const makeClient = (): Redis | Cluster =>
    store.redisType === "redis_cluster"
      ? new Cluster([...nodes], {
          redisOptions: options,
          lazyConnect: true,
          enableReadyCheck: false,
          enableOfflineQueue: false,
          clusterRetryStrategy: () => null,
          slotsRefreshTimeout: options.connectTimeout,
        })
      : new Redis({ ...options, ...nodes[0]! });
  return () => {
    const client = makeClient();
    // An emitted error without a listener would end the process. It also says why a connection was not made.
    let last: Error | undefined;
    const note = (error: Error): void => {
      last = error;
    };
    client.on(client instanceof Redis ? "error" : "node error", note).on("error", () => {});
    const open = async (): Promise<void> => {
      try {
        await client.connect();
        // The client ignores a server that has fewer databases.
        if (client instanceof Redis && options.db) await client.select(options.db);
      } catch (error) {
        // A cluster's client does not say why it reached no node.
        if (client instanceof Cluster && last?.message === "Connection is closed.") {
          const node = new Redis({ ...options, ...nodes[0]! }).on("error", note);
          await node.connect().catch(() => {});
          node.disconnect();
        }
        const reason = last ?? (error as Error);
        // A server without TLS waits for the rest of a command.
        throw options.tls && reason.message.includes("ETIMEDOUT")
          ? new Error("it did not answer a TLS handshake")
          : reason;
      }
    };
    return { client, ready: open() };
  };
}

const LOAD = "Load it with `merlon vectors load`, or correct `key`.";

/** Errors that a server replies, with the way out. The first that fits is taken. */
const REPLIES: readonly (readonly [RegExp, Failure["kind"], string])[] = [
  [/^(LOADING|MASTERDOWN|TRYAGAIN|BUSY|CLUSTERDOWN)/, "away", "Wait until it is ready."],
  [/cluster support disabled/, "refused", "It is one server: drop `redisType: redis_cluster`."],
  [/^(MOVED|ASK) /, "away", "If the slots of the cluster do not move, write `redisType: redis_cluster`."],
  [/sentinels are unreachable/, "away", "Start one, or correct the sentinels in `url`, and `sentinelMaster`."],
  [/^(WRONGPASS|NOAUTH)|invalid (username-)?password/i, "away", "Correct the user and password in `url`."],
  [/^NOPERM/, "refused", "Grant it to the user of `url`."],
  [
    /^READONLY/,
    "refused",
    "Write the address of the primary in `url`, or its sentinels with `redisType: redis_sentinel`.",
  ],
  [/^OOM/, "refused", "Raise `maxmemory` of the server."],
  [/^WRONGTYPE/, "refused", "Correct `key`."],
  [/DB index/, "away", "Correct the database in `url`."],
  [/unknown command/i, "refused", "Vector sets need Redis 8 or newer."],
  [/key does not exist/, "refused", LOAD],
  [/dimension mismatch/i, "refused", "Correct `dimension`, or load the embeddings of the same model."],
];

/** The server is not the one that it was: a new connection finds another. */
const isElsewhere = (error: unknown): boolean =>
  /^(MOVED|ASK|CLUSTERDOWN|READONLY|MASTERDOWN) /.test((error as Error).message);

const isReply = (error: unknown): boolean => error instanceof Error && error.name === "ReplyError";

/** An error of ioredis. */
export function redisFailure(error: unknown): Failure {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const { name = "", code = "", message = "" } = (inner ?? {}) as { name?: string; code?: string; message?: string };
  const reason = message || code || "it does not answer";
  if (error instanceof Late || /ETIMEDOUT/.test(reason)) return { kind: "late", reason, way: "" };
  const reply = REPLIES.find(([text]) => text.test(reason));
  if (reply) return { kind: reply[1], reason, way: reply[2] };
  if (name === "ReplyError") return { kind: "refused", reason, way: "" };
  if (/SSL|TLS|certificate|self-signed|EPROTO/i.test(`${code} ${reason}`)) return { kind: "away", reason, way: TLS };
  if (/ECONNRESET|EPIPE|Connection is closed|connection close|isn't writeable/.test(reason))
    return { kind: "broken", reason, way: START };
  return { kind: "away", reason, way: START };
}
