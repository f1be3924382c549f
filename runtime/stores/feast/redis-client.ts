/**
 * The client of a Redis online store: one server, a cluster, or what sentinels point to.
 */
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { Cluster, Redis } from "ioredis";
import { maskStore, type RedisStore } from "../../../formats/feast/feast-online-store.js";
import { unavailable } from "../../base/errors.js";

/** How long the wait between two attempts to connect grows. */
const RETRY_MS = { first: 50, most: 1000 };
const retry = (attempt: number): number => Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** Math.min(attempt - 1, 10));

/** @throws RuntimeFault for a certificate that can not be read */
export const makeClient = (store: RedisStore, timeoutMs: number): Redis | Cluster =>
  store.mode === "cluster" ? makeCluster(store, timeoutMs) : makeSingle(store, timeoutMs);

export function makeCluster(store: RedisStore, timeoutMs: number): Cluster {
  return new Cluster([...store.nodes], {
    redisOptions: clientOptions(store, timeoutMs),
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retry,
    slotsRefreshTimeout: timeoutMs,
  });
}

/** One server, or the one that sentinels name. */
export function makeSingle(
  store: RedisStore,
  timeoutMs: number,
  more: { readonly protocol?: 2; readonly socketTimeout?: undefined } = {},
): Redis {
  const options = { ...clientOptions(store, timeoutMs), ...more };
  const [first] = store.nodes;
  if (store.mode === "sentinel")
    return new Redis({
      ...options,
      sentinels: [...store.nodes],
      name: store.sentinelName,
      db: store.db,
      sentinelRetryStrategy: retry,
      // TLS of the server that sentinels name, not of the sentinels, as redis-py's `ssl`; without it ioredis ignores `tls`.
      enableTLSForSentinelMode: store.tls,
    });
  return new Redis({ ...options, host: first!.host, port: first!.port, db: store.db });
}

/** Shared options of the clients of a store's servers. */
export function clientOptions(store: RedisStore, timeoutMs: number) {
  const { username, password } = store;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: password.reveal() }),
    ...(store.tls && { tls: tlsOptions(store) }),
    connectTimeout: timeoutMs,
    // A connection that loses replies would otherwise be kept, and each later command would wait for it.
    socketTimeout: timeoutMs,
    lazyConnect: true,
    // A command that cannot be sent now fails now: a request does not wait for an unavailable server.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: retry,
  };
}

/** Connected, and to the database that is meant: a server that has fewer would go on with its first one. */
export async function connected(client: Redis | Cluster, { db }: RedisStore): Promise<void> {
  await client.connect();
  if (client instanceof Redis && db !== 0) await client.select(db);
}

function tlsOptions(store: RedisStore): ConnectionOptions {
  const { tlsAuthority, tlsVerify, tlsHostname, tlsClient } = store;
  const read = (file: string, what: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw unavailable(
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
