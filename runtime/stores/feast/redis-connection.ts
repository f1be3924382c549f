/**
 * A connection to Redis (one server, a cluster, or what sentinels point to) that answers or fails inside a deadline and comes back by itself.
 */
import { readFileSync } from "node:fs";
import { Cluster, Redis } from "ioredis";
import type { RedisStore } from "../../../triton-protos/artefacts/feast-online-store.js";
import type { Cancellation } from "../../cancellation.js";
import { RuntimeFault } from "../../errors.js";

export type RedisCommand = readonly [name: string, ...args: (Buffer | string | number)[]];

export interface RedisConnection {
  /**
   * Sends commands in one go and waits for all replies.
   * @throws RuntimeFault UNAVAILABLE when the server is away or does not answer in time; INVALID_ARGUMENT when it refuses a command
   */
  send(commands: readonly RedisCommand[], signal?: Cancellation): Promise<unknown[]>;
  close(): Promise<void>;
}

/** How long the wait between two attempts to connect grows. */
const RETRY_MS = { first: 50, most: 1000 };
const retry = (attempt: number): number => Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** Math.min(attempt - 1, 10));

/** @throws RuntimeFault when no server answers within the deadline */
export async function connectRedis(store: RedisStore, timeoutMs: number): Promise<RedisConnection> {
  const where = `the online store at ${store.nodes.map(({ host, port }) => `${host}:${port}`).join(", ")} (redis)`;
  const client = makeClient(store, timeoutMs);
  // Whoever asks gets the fault; an emitted one without a listener would end the process.
  let last: Error | undefined;
  client.on("error", (error: Error) => {
    last = error;
  });
  const away = (error: unknown): RuntimeFault => {
    const reason = last?.message ?? (error as Error).message;
    const refused = /NOAUTH|WRONGPASS|NOPERM|invalid (username-)?password/i.test(reason);
    return new RuntimeFault(
      "UNAVAILABLE",
      `${where} can not be reached: ${reason}. ${refused ? "Give `username` and `password` in its `connection_string`." : "Start it, or correct `connection_string` in feature_store.yaml."}`,
      { cause: error },
    );
  };
  try {
    await within(client.connect(), timeoutMs, () => new Error(`it did not answer within ${timeoutMs} ms`));
  } catch (error) {
    client.disconnect();
    throw away(error);
  }
  return {
    send: async (commands, signal) => {
      if (signal?.aborted) throw cancelled();
      const late = () => new RuntimeFault("UNAVAILABLE", `${where} did not answer within ${timeoutMs} ms.`);
      try {
        return await within(sendAll(client, commands), timeoutMs, late, signal);
      } catch (error) {
        if (error instanceof RuntimeFault) throw error;
        if (
          (error as Error).name === "ReplyError" &&
          !/^(LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN)/.test((error as Error).message)
        )
          throw new RuntimeFault("INVALID_ARGUMENT", `${where} refuses: ${(error as Error).message}.`, {
            cause: error,
          });
        throw away(error);
      }
    },
    close: async () => {
      client.disconnect();
    },
  };
}

function makeClient(store: RedisStore, timeoutMs: number): Redis | Cluster {
  const { username, password, tls, tlsAuthority, tlsVerify } = store;
  const options = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && {
      tls: { rejectUnauthorized: tlsVerify, ...(tlsAuthority !== undefined && { ca: readFileSync(tlsAuthority) }) },
    }),
    connectTimeout: timeoutMs,
    lazyConnect: true,
    // What can not be sent now fails now: a request does not wait for a server that is away.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: retry,
  };
  const [first] = store.nodes;
  if (store.mode === "cluster")
    return new Cluster([...store.nodes], {
      redisOptions: options,
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: retry,
      slotsRefreshTimeout: timeoutMs,
    });
  if (store.mode === "sentinel")
    return new Redis({
      ...options,
      sentinels: [...store.nodes],
      name: store.sentinelName,
      db: store.db,
      sentinelRetryStrategy: retry,
    });
  return new Redis({ ...options, host: first!.host, port: first!.port, db: store.db });
}

/** One write for all on a single server; on a cluster each command goes to its node without waiting for the one before. */
async function sendAll(client: Redis | Cluster, commands: readonly RedisCommand[]): Promise<unknown[]> {
  if (client instanceof Cluster)
    return Promise.all(commands.map(([name, ...args]) => client.callBuffer(name, ...args)));
  const pipeline = client.pipeline();
  for (const [name, ...args] of commands) pipeline.callBuffer(name, ...args);
  const replies = await pipeline.exec();
  return replies!.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

const cancelled = (): RuntimeFault => new RuntimeFault("CANCELLED", "the request was cancelled");

function within<T>(work: Promise<T>, ms: number, late: () => Error, signal?: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancelled());
    const timer = setTimeout(() => reject(late()), ms);
    signal?.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    });
  });
}
