/**
 * The `online_store` of a `feature_store.yaml` → which store it is and how it is reached: SQLite, Redis, or a feature server.
 */
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { withoutTrailingSlashes } from "../trailing-slashes.js";

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisStore {
  readonly type: "redis";
  readonly mode: "single" | "cluster" | "sentinel";
  readonly nodes: readonly RedisAddress[];
  readonly tls: boolean;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  /** File with the certificate authority of the server's certificate. */
  readonly tlsAuthority?: string;
  /** False where the server's certificate is not to be checked (`ssl_cert_reqs=none`). */
  readonly tlsVerify: boolean;
  /** False where it may be another host's (`ssl_check_hostname=false`). */
  readonly tlsHostname: boolean;
  /** Files with the certificate and the private key by which a client shows who it is. */
  readonly tlsClient?: {
    readonly certificate: string;
    readonly key: string;
    readonly passphrase?: string;
    /** The key's path as it is written, environment variables expanded. */
    readonly keyWritten: string;
  };
  /** Name of the master that sentinels watch. */
  readonly sentinelName: string;
  /** Seconds after which a written entity goes; null: never. */
  readonly keyTtlSeconds: number | null;
}

export type OnlineStore =
  | { readonly type: "sqlite"; readonly file: string }
  | RedisStore
  | {
      readonly type: "remote";
      /** Base address of the feature server. */
      readonly url: string;
      /** File with the certificate authority of the server's certificate. */
      readonly tlsAuthority?: string;
    };

export const ONLINE_STORE_TYPES = ["sqlite", "redis", "remote"] as const;

export const onlineStoreConfig = z.union([
  z.string(),
  z.looseObject({
    type: z.string().default("sqlite"),
    path: z.string().optional(),
    redis_type: z.enum(["redis", "redis_cluster", "redis_sentinel"]).default("redis"),
    sentinel_master: z.string().default("mymaster"),
    connection_string: z.string().default("localhost:6379"),
    key_ttl_seconds: z.number().int().positive().nullish(),
    cert: z.string().optional(),
  }),
]);

/**
 * @param folder what relative paths start from
 * @returns a text that completes "the online store …" where the configuration makes no sense
 */
export function readOnlineStore(config: z.output<typeof onlineStoreConfig>, folder: string): OnlineStore | string {
  const store = typeof config === "string" ? onlineStoreObject(config) : config;
  const inFolder = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  switch (store.type) {
    case "sqlite":
      return { type: "sqlite", file: inFolder(store.path ?? "data/online.db") };
    case "redis":
      return redisStore(store.connection_string, {
        mode: ({ redis: "single", redis_cluster: "cluster", redis_sentinel: "sentinel" } as const)[store.redis_type],
        sentinelName: store.sentinel_master,
        keyTtlSeconds: store.key_ttl_seconds ?? null,
        inFolder,
      });
    case "remote": {
      const url = store.path ?? "http://localhost:6566";
      if (!/^https?:\/\/[^/\s]+/.test(url)) return `is \`remote\` at \`${url}\`, which is no http address`;
      return {
        type: "remote",
        url: withoutTrailingSlashes(url),
        ...(store.cert !== undefined && { tlsAuthority: inFolder(store.cert) }),
      };
    }
    default:
      return `is \`${store.type}\`, and only ${ONLINE_STORE_TYPES.map(type => `\`${type}\``).join(", ")} can be read`;
  }
}

const onlineStoreObject = (type: string) => ({
  type,
  path: undefined,
  redis_type: "redis" as const,
  sentinel_master: "mymaster",
  connection_string: "localhost:6379",
  key_ttl_seconds: null,
  cert: undefined,
});

interface RedisSettings extends Pick<RedisStore, "mode" | "sentinelName" | "keyTtlSeconds"> {
  readonly inFolder: (path: string) => string;
}

/** Feast's form: `host:port,host:port,db=0,ssl=true,username=…,password=…`. */
function redisStore(text: string, { inFolder, ...settings }: RedisSettings): RedisStore | string {
  const parts = text.split(",").map(part => part.trim());
  const nodes: RedisAddress[] = [];
  const options = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf("=");
    if (equals > 0) {
      options.set(part.slice(0, equals), unquoted(part.slice(equals + 1)));
      continue;
    }
    const [, host, port = "6379"] = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(part) ?? [];
    // The text may hold a password: it is not repeated.
    if (!host || Number(port) > 65_535)
      return "is `redis`, and a part of its `connection_string` is neither `host:port` nor `name=value`";
    nodes.push({ host: host.replace(/^\[|\]$/g, ""), port: Number(port) });
  }
  if (nodes.length === 0) return "is `redis`, and its `connection_string` names no `host:port`";
  const db = Number(options.get("db") ?? 0);
  if (!Number.isInteger(db) || db < 0) return `is \`redis\`, and its \`db\` is \`${options.get("db")}\``;
  const [username, password, authority, certificate, key] = (
    ["username", "password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"] as const
  ).map(name => options.get(name));
  if ((certificate === undefined) !== (key === undefined))
    return `is \`redis\`, and its \`connection_string\` has one of \`ssl_certfile\` and \`ssl_keyfile\` without the other`;
  const passphrase = options.get("ssl_password");
  return {
    type: "redis",
    ...settings,
    nodes,
    db,
    tls: /^(true|1)$/i.test(options.get("ssl") ?? ""),
    tlsVerify: options.get("ssl_cert_reqs") !== "none",
    tlsHostname: !/^(false|0)$/i.test(options.get("ssl_check_hostname") ?? ""),
    ...(certificate !== undefined &&
      key !== undefined && {
        tlsClient: {
          certificate: inFolder(certificate),
          key: inFolder(key),
          keyWritten: key,
          ...(passphrase !== undefined && { passphrase }),
        },
      }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(authority !== undefined && { tlsAuthority: inFolder(authority) }),
  };
}

/** Feast reads values as JSON where they are JSON. */
function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}
