/** Connections to one Redis server, opened when they are needed, and its errors. */
import { Redis } from "ioredis";
import type { RedisVectorStore } from "../../../../formats/vectors/vector-store.js";
import { RuntimeFault } from "../../../base/errors.js";
import type { ConnectionSettings } from "../connection-settings.js";
import type { Failure } from "../guarded-call.js";

export type Command = readonly [name: string, ...args: (Buffer | string | number)[]];

export interface SetClient {
  /** Connections that it has at most. */
  readonly size: number;
  /**
   * Sends commands in one write, and waits for all replies.
   * @param at connection that is used, from 0
   * @throws (rejects) with the first error among the replies, or that of the connection
   */
  run(commands: readonly Command[], at?: number): Promise<readonly unknown[]>;
  close(): void;
}

/** The server did not answer in time. The connection is closed, so that late replies do not pile up. */
class Late extends Error {}

/** @param timeoutMs of one `run` @throws RuntimeFault for an address that cannot be read */
export function openClient(store: RedisVectorStore, settings: ConnectionSettings, timeoutMs: number): SetClient {
  const options = optionsOf(store, settings);
  const connections = new Map<number, Connection>();
  const openAt = (at: number): Connection => {
    const opened = connect(options);
    connections.set(at, opened);
    return opened;
  };
  return {
    size: store.pool,
    run: async (commands, at = 0) => {
      const connection = connections.get(at) ?? openAt(at);
      const drop = (): void => {
        if (connections.get(at) === connection) connections.delete(at);
        connection.client.disconnect();
      };
      let [isLate, isReady] = [false, false];
      const timer = setTimeout(() => {
        isLate = true;
        drop();
      }, timeoutMs);
      try {
        await connection.ready;
        isReady = true;
        return await sendAll(connection.client, commands);
      } catch (error) {
        if (isLate) throw new Late("it did not answer in time");
        // The client may see the end of its connection later than this error.
        if (!isReady || !isReply(error)) drop();
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
  readonly client: Redis;
  /** Rejects with the reason if there is no connection. */
  readonly ready: Promise<void>;
}

function connect(options: ReturnType<typeof optionsOf>): Connection {
  const client = new Redis(options);
  // An emitted error without a listener would end the process. It also says why a connection was not made.
  let last: Error | undefined;
  client.on("error", (error: Error) => {
    last = error;
  });
  const open = async (): Promise<void> => {
    try {
      await client.connect();
      // The client ignores a server that has fewer databases.
      if (options.db) await client.select(options.db);
    } catch (error) {
      const reason = last ?? (error as Error);
      // A server without TLS waits for the rest of a command.
      throw options.tls && reason.message.includes("ETIMEDOUT")
        ? new Error("it did not answer a TLS handshake")
        : reason;
    }
  };
  return { client, ready: open() };
}

async function sendAll(client: Redis, commands: readonly Command[]): Promise<readonly unknown[]> {
  const pipeline = client.pipeline();
  for (const [name, ...args] of commands) pipeline.call(name, ...args);
  const replies = (await pipeline.exec())!;
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

function optionsOf(store: RedisVectorStore, { url, tls, where }: ConnectionSettings) {
  const odd = (what: string): RuntimeFault =>
    new RuntimeFault("INVALID_ARGUMENT", `${where}: \`url\` ${what}. Write \`redis://USER:PASSWORD@HOST:6379/0\`.`);
  let address: URL;
  try {
    address = new URL(url.reveal());
  } catch {
    throw odd("is not an address");
  }
  if (!/^rediss?:$/.test(address.protocol)) throw odd("is not an address of Redis");
  if (address.search !== "") throw odd("has options after `?`");
  const [, db] = /^(?:\/(\d{1,5})?)?$/.exec(address.pathname) ?? [undefined, "?"];
  if (db === "?") throw odd("has a database that is not a number");
  const part = (text: string): string => decodeURIComponent(text);
  const isSecure = address.protocol === "rediss:" || tls !== undefined;
  return {
    host: part(address.hostname).replace(/^\[(.*)\]$/, "$1") || "localhost",
    port: address.port === "" ? 6379 : Number(address.port),
    ...(address.username !== "" && { username: part(address.username) }),
    ...(address.password !== "" && { password: part(address.password) }),
    ...(db !== undefined && { db: Number(db) }),
    ...(isSecure && { tls: { rejectUnauthorized: true, ...tls } }),
    protocol: 2 as const,
    // Before the deadline of the call, which does not say that there is no connection.
    connectTimeout: Math.ceil(0.9 * store.timeoutMs),
    lazyConnect: true,
    // It reads INFO, for which a user may have no rights. A server that loads its data says so in each reply.
    enableReadyCheck: false,
    // A call that fails opens a new connection itself.
    retryStrategy: () => null,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  };
}

const START = "Start it, or correct `url`.";
const LOAD = "Load it with `merlon vectors load`, or correct `key`.";
const TLS =
  "Correct `tls`: name the authority of its certificate in `tls.ca`, or leave `tls` out for a server without TLS.";

/** Errors that a server replies, with the way out. The first that fits is taken. */
const REPLIES: readonly (readonly [RegExp, Failure["kind"], string])[] = [
  [/^(LOADING|MASTERDOWN|TRYAGAIN|BUSY)/, "away", "Wait until it is ready."],
  [
    /^(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)/,
    "refused",
    "A vector set is searched on a server that is not part of a cluster.",
  ],
  [/^(WRONGPASS|NOAUTH)|invalid (username-)?password/i, "away", "Correct the user and password in `url`."],
  [/^NOPERM/, "refused", "Grant it to the user of `url`."],
  [/^READONLY/, "refused", "Write the address of the primary in `url`."],
  [/^OOM/, "refused", "Raise `maxmemory` of the server."],
  [/^WRONGTYPE/, "refused", "Correct `key`."],
  [/DB index/, "away", "Correct the database in `url`."],
  [/unknown command/i, "refused", "Vector sets need Redis 8 or newer."],
  [/key does not exist/, "refused", LOAD],
  [/dimension mismatch/i, "refused", "Correct `dimension`, or load the embeddings of the same model."],
];

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
