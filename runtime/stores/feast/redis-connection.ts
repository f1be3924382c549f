/**
 * A connection to Redis (one server, a cluster, or what sentinels point to) that answers or fails inside a deadline and comes back by itself.
 */
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { Cluster, Redis } from "ioredis";
import { addressOf, maskStore, type RedisStore } from "../../../triton-protos/artefacts/feast-online-store.js";
import type { Cancellation } from "../../cancellation.js";
import { RuntimeFault } from "../../errors.js";

export type RedisCommand = readonly [name: string, ...args: (Buffer | string | number)[]];

export interface RedisConnection {
  /**
   * Sends commands in one go and waits for all replies.
   * @param describe names what a command is about, for messages
   * @throws RuntimeFault UNAVAILABLE when the server is away or does not answer in time; INVALID_ARGUMENT when it refuses a command
   */
  send(
    commands: readonly RedisCommand[],
    signal?: Cancellation,
    describe?: (command: number) => string,
  ): Promise<unknown[]>;
  close(): Promise<void>;
}

/** How long the wait between two attempts to connect grows. */
const RETRY_MS = { first: 50, most: 1000 };
const retry = (attempt: number): number => Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** Math.min(attempt - 1, 10));

/** @throws RuntimeFault when no server answers within the deadline */
export async function connectRedis(store: RedisStore, timeoutMs: number): Promise<RedisConnection> {
  const where = `the online store at ${addressOf(store)} (redis)`;
  const client = makeClient(store, timeoutMs);
  // Whoever asks gets the fault; an emitted one without a listener would end the process.
  let last: Error | undefined;
  client.on("error", (error: Error) => {
    last = error;
  });
  const away = (error: unknown): RuntimeFault => {
    // A cluster says that it failed, and why only beside that.
    const seen = last ?? (error as Error);
    const reason = ((seen as { lastNodeError?: Error }).lastNodeError ?? seen).message.trim().replace(/\.$/, "");
    // No cause: the client's errors hold the commands that failed, AUTH among them.
    const shown = maskStore(store, reason);
    return new RuntimeFault("UNAVAILABLE", `${where} can not be reached: ${shown}. ${wayOut(reason, store)}`);
  };
  try {
    await within(connected(client, store), timeoutMs, () => new Error(`it did not answer within ${timeoutMs} ms`));
  } catch (error) {
    client.disconnect();
    throw away(error);
  }
  return {
    send: async (commands, signal, describe) => {
      if (signal?.aborted) throw cancelled();
      const late = () => new RuntimeFault("UNAVAILABLE", `${where} did not answer within ${timeoutMs} ms.`);
      try {
        return await within(sendAll(client, commands), timeoutMs, late, signal);
      } catch (thrown) {
        const { error, command } = thrown instanceof CommandFault ? thrown : { error: thrown, command: undefined };
        if (error instanceof RuntimeFault) throw error;
        if (
          (error as Error).name === "ReplyError" &&
          !/^(LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN)/.test((error as Error).message)
        )
          throw refused(store, error as Error, command === undefined ? undefined : describe?.(command));
        throw away(error);
      }
    },
    close: async () => {
      client.disconnect();
    },
  };
}

/** Connected, and to the database that is meant: a server that has fewer would go on with its first one. */
async function connected(client: Redis | Cluster, { db }: RedisStore): Promise<void> {
  await client.connect();
  if (client instanceof Redis && db !== 0) await client.select(db);
}

/** A command of several that the server answers with an error. */
class CommandFault extends Error {
  constructor(
    readonly error: Error,
    readonly command: number,
  ) {
    super(error.message, { cause: error });
  }
}

function refused(store: RedisStore, error: Error, about: string | undefined): RuntimeFault {
  const way = error.message.startsWith("WRONGTYPE")
    ? " It is no hash: Feast did not write it. Delete the key, then materialize the view again."
    : "";
  const of = about === undefined ? "" : ` ${about}`;
  return new RuntimeFault(
    "INVALID_ARGUMENT",
    `the online store at ${addressOf(store)} (redis) refuses${of}: ${maskStore(store, error.message)}.${way}`,
  );
}

function wayOut(reason: string, { tls, tlsClient }: RedisStore): string {
  if (/NOAUTH|WRONGPASS|NOPERM|invalid (username-)?password/i.test(reason))
    return "Give `username` and `password` in its `connection_string`.";
  if (reason.includes("DB index")) return "Correct `db` in its `connection_string`.";
  if (reason.includes("cluster support disabled")) return "It is one server: drop `redis_type: redis_cluster`.";
  if (/certificate required|handshake failure/i.test(reason) || (tls && !tlsClient && broken.test(reason)))
    return "If it asks for a client's certificate, name one with `ssl_certfile` and `ssl_keyfile` in its `connection_string`.";
  if (/wrong version number|EPROTO/.test(reason) || (tls && reason.startsWith("it did not answer")))
    return "If it does not speak TLS, drop `ssl=true` from its `connection_string`.";
  if (!tls && broken.test(reason)) return "If it speaks TLS, write `ssl=true` in its `connection_string`.";
  return "Start it, or correct `connection_string` in feature_store.yaml.";
}

/** How a connection ends that the server did not want. */
const broken = /ECONNRESET|EPIPE|Connection is closed|socket hang up/;

function makeClient(store: RedisStore, timeoutMs: number): Redis | Cluster {
  const { username, password } = store;
  const options = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: password.reveal() }),
    ...(store.tls && { tls: tlsOptions(store) }),
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

function tlsOptions(store: RedisStore): ConnectionOptions {
  const { tlsAuthority, tlsVerify, tlsHostname, tlsClient } = store;
  const read = (file: string, what: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw new RuntimeFault(
        "UNAVAILABLE",
        `the ${what} ${maskStore(store, file)} of the online store can not be read (${(error as NodeJS.ErrnoException).code}). Correct it in \`connection_string\` of feature_store.yaml.`,
      );
    }
  };
  return {
    rejectUnauthorized: tlsVerify,
    ...(!tlsHostname && { checkServerIdentity: () => undefined }),
    ...(tlsAuthority !== undefined && { ca: read(tlsAuthority, "certificate authority") }),
    ...(tlsClient && {
      cert: read(tlsClient.certificate, "client certificate"),
      key: read(tlsClient.key, "private key"),
      ...(tlsClient.passphrase !== undefined && { passphrase: tlsClient.passphrase.reveal() }),
    }),
  };
}

/** One write for all on a single server; on a cluster each command goes to its node without waiting for the one before. */
async function sendAll(client: Redis | Cluster, commands: readonly RedisCommand[]): Promise<unknown[]> {
  if (client instanceof Cluster)
    return Promise.all(
      commands.map(([name, ...args], i) =>
        client.callBuffer(name, ...args).catch((error: Error) => {
          throw new CommandFault(error, i);
        }),
      ),
    );
  const pipeline = client.pipeline();
  for (const [name, ...args] of commands) pipeline.callBuffer(name, ...args);
  const replies = await pipeline.exec();
  return replies!.map(([error, reply], i) => {
    if (error) throw new CommandFault(error, i);
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
