/** `url`, `redisType` and `sentinelMaster` of a store → the options of its client. Their words are those of Feast's Redis online store. */
import type { RedisVectorStore } from "../../../../formats/vectors/vector-store.js";
import { invalid, type RuntimeFault } from "../../../base/errors.js";
import type { ConnectionSettings } from "../connection-settings.js";

interface Node {
  readonly host: string;
  readonly port: number;
}

const PORTS = { redis: 6379, redis_cluster: 6379, redis_sentinel: 26_379 } as const;

/**
 * @returns nodes: the server; nodes of a cluster, or sentinels, of which some may be away. The options have no server unless sentinels name it
 * @throws RuntimeFault for an address that cannot be read
 */
export function addressOf(store: RedisVectorStore, { url, tls, where }: ConnectionSettings) {
  const { redisType, sentinelMaster, timeoutMs } = store;
  const odd = (what: string): RuntimeFault => invalid(`${where}: \`url\` ${what}. Write \`${FORMS[redisType]}\`.`);
  const [, scheme, user, hosts, path, more] =
    /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#]*)@)?([^/?#@]*)([^?#]*)(.*)$/is.exec(url.reveal()) ?? [];
  if (scheme === undefined) throw odd("is not an address");
  if (!/^rediss?$/i.test(scheme)) throw odd("is not an address of Redis");
  if (more !== "") throw odd("has options after `?`");
  const nodes = hosts!.split(",").map(text => nodeOf(text, PORTS[redisType]) ?? "?");
  if (nodes.includes("?")) throw odd("has a part that is not `HOST:PORT`");
  if (nodes.length > 1 && redisType === "redis")
    throw odd("has several servers, and `redisType` is `redis`, which is one server");
  const [, db] = /^(?:\/(\d{1,5})?)?$/.exec(path!) ?? [undefined, "?"];
  if (db === "?") throw odd("has a database that is not a number");
  if (redisType === "redis_cluster" && Number(db ?? 0) !== 0) throw odd("has a database, and clusters have none");
  const isSecure = scheme.toLowerCase() === "rediss" || tls !== undefined;
  const [username, password] = credentialsOf(user ?? "", odd);
  const options = {
    ...(username !== "" && { username }),
    ...(password !== "" && { password }),
    ...(db !== undefined && { db: Number(db) }),
    ...(isSecure && { tls: { rejectUnauthorized: true, ...tls } }),
    ...(redisType === "redis_sentinel" && {
      sentinels: nodes as Node[],
      name: sentinelMaster,
      sentinelRetryStrategy: () => null,
      // TLS of the server that sentinels name, not of the sentinels, as in Feast.
      enableTLSForSentinelMode: isSecure,
    }),
    protocol: 2 as const,
    // Before the deadline of the call, which does not say that there is no connection.
    connectTimeout: Math.ceil(0.9 * timeoutMs),
    lazyConnect: true,
    // It reads INFO, for which a user may have no rights. A server that loads its data says so in each reply.
    enableReadyCheck: false,
    // A call that fails opens a new connection itself.
    retryStrategy: () => null,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  };
  return { nodes: nodes as readonly Node[], options };
}

const FORMS: Readonly<Record<RedisVectorStore["redisType"], string>> = {
  redis: "redis://USER:PASSWORD@HOST:6379/0",
  redis_cluster: "redis://USER:PASSWORD@HOST:6379,HOST:6379",
  redis_sentinel: "redis://USER:PASSWORD@SENTINEL:26379,SENTINEL:26379/0",
};

function credentialsOf(text: string, odd: (what: string) => RuntimeFault): readonly [string, string] {
  const colon = text.indexOf(":");
  const parts = colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  try {
    return parts.map(decodeURIComponent) as [string, string];
  } catch {
    throw odd("has a user or a password with a `%` that is not an escape");
  }
}

/** `host:port`, `[::1]:port`, or a host alone. */
function nodeOf(text: string, port: number): Node | undefined {
  if (text === "") return { host: "localhost", port };
  const [, bracketed, plain, digits] = /^(?:\[([\da-f:.]+)\]|([\w.%-]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(digits ?? 0) > 65_535) return undefined;
  return { host, port: digits === undefined ? port : Number(digits) };
}
