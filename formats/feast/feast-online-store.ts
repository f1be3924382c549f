/**
 * The `online_store` of a `feature_store.yaml` → which store it is and how it is reached: SQLite, Redis, or a feature server.
 */
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { maskAddress, maskSecrets, Secret } from "../../contract/secret.js";
import { withoutTrailingSlashes } from "../../contract/trailing-slashes.js";

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

interface Named {
  /** Its address in messages: the value of `feature_store.yaml` with variables not expanded; the address itself if it is absent. */
  readonly shown?: string;
  /** Values of environment variables, which messages do not show. */
  readonly hidden?: readonly Secret[];
}

export interface RedisStore extends Named {
  readonly type: "redis";
  readonly mode: "single" | "cluster" | "sentinel";
  readonly nodes: readonly RedisAddress[];
  readonly tls: boolean;
  readonly db: number;
  readonly username?: string;
  readonly password?: Secret;
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
    readonly passphrase?: Secret;
    /** The key's path as it is written, environment variables expanded. */
    readonly keyWritten: string;
  };
  /** Name of the master that sentinels watch. */
  readonly sentinelName: string;
  /** Seconds after which a written entity expires; null: never. */
  readonly keyTtlSeconds: number | null;
}

export interface RemoteStore extends Named {
  readonly type: "remote";
  /** Base address of the feature server, without user and password. A variable in it may hold a token. */
  readonly url: Secret;
  /** `user:password`. */
  readonly credentials?: Secret;
  /** File with the certificate authority of the server's certificate. */
  readonly tlsAuthority?: string;
}

export type OnlineStore = { readonly type: "sqlite"; readonly file: string } | RedisStore | RemoteStore;

/** The address of a store in messages. */
export const addressOf = (store: RedisStore | RemoteStore): string =>
  store.shown ??
  (store.type === "remote" ? String(store.url) : store.nodes.map(({ host, port }) => `${host}:${port}`).join(", "));

/** A text of another program, such as a server's answer, without the store's secrets. */
export function maskStore(store: RedisStore | RemoteStore, text: string): string {
  const { hidden = [] } = store;
  const own =
    store.type === "remote"
      ? [store.credentials, ...partsOf(store.credentials)]
      : [store.password, store.tlsClient?.passphrase];
  return maskSecrets(text, [...own, ...hidden]);
}

/** The password alone: a server may repeat it. */
function partsOf(credentials: Secret | undefined): Secret[] {
  const password = credentials?.reveal().split(":").slice(1).join(":");
  return password ? [new Secret(password)] : [];
}

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

interface AsWritten {
  /** `online_store` before environment variables were expanded. */
  readonly written: unknown;
  readonly hidden: readonly Secret[];
}

/**
 * @param folder what relative paths start from
 * @returns a text that completes "the online store …" where the configuration makes no sense
 */
export function readOnlineStore(
  config: z.output<typeof onlineStoreConfig>,
  folder: string,
  { written, hidden }: AsWritten = { written: undefined, hidden: [] },
): OnlineStore | string {
  const store = typeof config === "string" ? onlineStoreObject(config) : config;
  const inFolder = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  switch (store.type) {
    case "sqlite": {
      const { path = "data/online.db" } = store;
      if (path.includes("://")) return "is `sqlite`, and its `path` is an address instead of a file";
      return { type: "sqlite", file: inFolder(path) };
    }
    case "redis":
      return redisStore(store.connection_string, {
        mode: ({ redis: "single", redis_cluster: "cluster", redis_sentinel: "sentinel" } as const)[store.redis_type],
        sentinelName: store.sentinel_master,
        keyTtlSeconds: store.key_ttl_seconds ?? null,
        shown: shownNodes(fieldOf(written, "connection_string")),
        hidden,
        inFolder,
      });
    case "remote": {
      const remote = remoteStore(store.path ?? "http://localhost:6566", fieldOf(written, "path"), hidden);
      if (typeof remote === "string" || store.cert === undefined) return remote;
      return { ...remote, tlsAuthority: inFolder(store.cert) };
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

const fieldOf = (written: unknown, name: string): string => {
  const value =
    typeof written === "object" && written !== null ? (written as Record<string, unknown>)[name] : undefined;
  return typeof value === "string" ? value : "";
};

function remoteStore(text: string, written: string, hidden: readonly Secret[]): RemoteStore | string {
  const shown = /[$]/.test(written) ? { shown: maskAddress(written) } : {};
  if (!/^https?:\/\/[^/\s]+/.test(text))
    return `is \`remote\` at \`${shown.shown ?? maskAddress(text)}\`, which is not an http address`;
  let url: URL;
  let credentials: string;
  try {
    url = new URL(text);
    credentials = [url.username, url.password].map(decodeURIComponent).join(":");
  } catch {
    return "is `remote`, and its `path` is not an http address. Write `/`, `@`, `#`, `?` and `%` of a password as %2F, %40, %23, %3F and %25";
  }
  if (url.search || url.hash)
    return "is `remote`, and its `path` has a query; the address of a feature server has none";
  const base = withoutTrailingSlashes(`${url.origin}${url.pathname}`);
  const hasUser = url.username !== "" || url.password !== "";
  return {
    type: "remote",
    url: new Secret(base, shown.shown ?? base),
    ...(hasUser && { credentials: new Secret(credentials) }),
    ...shown,
    ...(hidden.length > 0 && { hidden }),
  };
}

/** One host and port, or what stands for them. */
const NODE = /^(?:\[[\da-f:.]+\]|[\w.$-]|\$\{\w+\})+(?::(?:\d+|\$\{\w+\}|\$\w+))?$/i;

/** The nodes of a connection string that has variables in it. */
function shownNodes(written: string): string | undefined {
  if (!written.includes("$")) return undefined;
  const nodes = written.split(",").map(part => part.trim());
  return nodes.filter(part => !part.includes("=") && NODE.test(part)).join(", ") || "an address of feature_store.yaml";
}

interface RedisSettings extends Pick<RedisStore, "mode" | "sentinelName" | "keyTtlSeconds"> {
  readonly shown: string | undefined;
  readonly hidden: readonly Secret[];
  readonly inFolder: (path: string) => string;
}

/** Feast's form: `host:port,host:port,db=0,ssl=true,username=…,password=…`. */
function redisStore(text: string, { inFolder, shown, hidden, ...settings }: RedisSettings): RedisStore | string {
  const parts = text.split(",").map(part => part.trim());
  const nodes: RedisAddress[] = [];
  const options = new Map<string, string>();
  let last = "";
  for (const part of parts) {
    const equals = part.indexOf("=");
    if (equals > 0) {
      last = part.slice(0, equals);
      options.set(last, part.slice(equals + 1));
      continue;
    }
    if (SECRETS.has(last))
      return `is \`redis\`, and \`${last}\` of its \`connection_string\` is followed by a part without a name. A password cannot contain a comma; nodes precede it`;
    const [, host, port = "6379"] = /^(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(part) ?? [];
    // The text may hold a password: it is not repeated.
    if (!host || Number(port) > 65_535)
      return "is `redis`, and a part of its `connection_string` is neither `host:port` nor `name=value`";
    nodes.push({ host: host.replace(/^\[|\]$/g, ""), port: Number(port) });
  }
  if (nodes.length === 0) return "is `redis`, and its `connection_string` names no `host:port`";
  const textOf = (name: string): string | undefined => {
    const value = options.get(name);
    return value === undefined ? undefined : unquoted(value);
  };
  const db = Number(textOf("db") ?? 0);
  if (!Number.isInteger(db) || db < 0) return "is `redis`, and its `db` is not a number of a database";
  const [username, password, authority, certificate, key] = (
    ["username", "password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"] as const
  ).map(textOf);
  if ((certificate === undefined) !== (key === undefined))
    return `is \`redis\`, and its \`connection_string\` has one of \`ssl_certfile\` and \`ssl_keyfile\` without the other`;
  const passphrase = textOf("ssl_password");
  const certificates = jsonOrText(options.get("ssl_cert_reqs") ?? "required");
  return {
    type: "redis",
    ...settings,
    ...(shown !== undefined && { shown }),
    ...(hidden.length > 0 && { hidden }),
    nodes,
    db,
    tls: isTrue(options.get("ssl") ?? "false"),
    tlsVerify: certificates !== "none" && certificates !== null && certificates !== 0,
    tlsHostname: isTrue(options.get("ssl_check_hostname") ?? "true"),
    ...(certificate !== undefined &&
      key !== undefined && {
        tlsClient: {
          certificate: inFolder(certificate),
          key: inFolder(key),
          keyWritten: key,
          ...(passphrase !== undefined && { passphrase: new Secret(passphrase) }),
        },
      }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: new Secret(password) }),
    ...(authority !== undefined && { tlsAuthority: inFolder(authority) }),
  };
}

/** Options of a connection string whose values no message and no repository has. */
export const SECRETS: ReadonlySet<string> = new Set(["password", "ssl_password"]);

/** Feast reads values as JSON where they are JSON. */
function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** The text of a value; a number and the like as it is written. */
function unquoted(value: string): string {
  const read = jsonOrText(value);
  return typeof read === "string" ? read : value;
}

/** Python's truth of a value: `False`, `no` and `"false"` are texts, and so TLS is on. */
function isTrue(value: string): boolean {
  const read = jsonOrText(value);
  return typeof read === "object" && read !== null ? Object.keys(read).length > 0 : Boolean(read);
}
