// `online_store` of a `feature_store.yaml`, field by field: the store it names, its address in messages, and why another makes no sense.
import { describe, expect, test } from "vitest";
import { Secret } from "#contract/secret.js";
import { addressOf, maskStore, onlineStoreConfig, readOnlineStore } from "#formats/feast/feast-online-store.js";

const read = (config: unknown, written: unknown = config, hidden: readonly Secret[] = []) =>
  readOnlineStore(onlineStoreConfig.parse(config), "/repository", { written, hidden });
const redis = (connection_string: string, more: object = {}) => read({ type: "redis", connection_string, ...more });
/** With secrets as they are. */
const shown = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, function (this: Record<string, unknown>, key, given: unknown) {
      const raw = this[key];
      return raw instanceof Secret ? `secret ${raw.reveal()}` : given;
    }),
  );

const PLAIN = { type: "redis", mode: "single", sentinelName: "mymaster", keyTtlSeconds: null, db: 0 };
const CHECKED = { tls: false, tlsVerify: true, tlsHostname: true };

describe("a name alone", () => {
  test("is a store with every default", () => {
    expect(read("sqlite")).toEqual({ type: "sqlite", file: "/repository/data/online.db" });
    expect(shown(read("redis"))).toEqual({ ...PLAIN, ...CHECKED, nodes: [{ host: "localhost", port: 6379 }] });
    expect(shown(read("remote"))).toEqual({ type: "remote", url: "secret http://localhost:6566" });
    expect(read({})).toEqual({ type: "sqlite", file: "/repository/data/online.db" });
    expect(read("dynamodb")).toBe("is `dynamodb`, and only `sqlite`, `redis`, `remote` can be read");
  });
});

describe("Redis", () => {
  test("has nodes, by name, IPv4 or IPv6, with and without ports", () => {
    const nodes = (text: string) => (redis(text) as { nodes: readonly object[] }).nodes;
    expect(nodes("a.b-c_d:1, 10.0.0.1 ,[::1]:65535,[FE80::1]")).toEqual([
      { host: "a.b-c_d", port: 1 },
      { host: "10.0.0.1", port: 6379 },
      { host: "::1", port: 65_535 },
      { host: "FE80::1", port: 6379 },
    ]);
    expect(nodes("db=3,h:7,ssl=false")).toEqual([{ host: "h", port: 7 }]);
  });
  const NEITHER = "is `redis`, and a part of its `connection_string` is neither `host:port` nor `name=value`";
  test.each(["h:65536", "h:123456", "h:", "h:x", "x h:1", "h:1 x", "h/1", "[::1", "::1", "[g]", "h:1,", "=3"])(
    "%j is none",
    text => {
      expect(redis(text)).toBe(NEITHER);
    },
  );
  test("has at least one node", () => {
    expect(redis("db=3")).toBe("is `redis`, and its `connection_string` names no `host:port`");
  });
  test.each(["password", "ssl_password"])("%s with a comma is refused, and not shown", name => {
    expect(redis(`h:1,${name}=abc,def`)).toBe(
      `is \`redis\`, and \`${name}\` of its \`connection_string\` is followed by a part without a name. A password cannot contain a comma; nodes precede it`,
    );
    expect(redis(`h:1,${name}=abc,db=1`)).toMatchObject({ db: 1 });
  });
  test("has a database, which is a whole number from 0 on", () => {
    expect(redis("h:1,db=15")).toMatchObject({ db: 15 });
    expect(redis('h:1,db="2"')).toMatchObject({ db: 2 });
    for (const db of ["-1", "1.5", "x"])
      expect(redis(`h:1,db=${db}`)).toBe("is `redis`, and its `db` is not a number of a database");
  });
  test("has user, password, certificates, and modes", () => {
    const options = "username=u,password=p=q,ssl=true,ssl_ca_certs=ca.pem,ssl_certfile=/c.pem,ssl_keyfile=k.pem";
    expect(
      shown(
        redis(`h:1,${options},ssl_password=x`, {
          ...{ redis_type: "redis_sentinel", sentinel_master: "main", key_ttl_seconds: 60 },
        }),
      ),
    ).toEqual({
      ...{ ...PLAIN, ...CHECKED, tls: true, mode: "sentinel", sentinelName: "main", keyTtlSeconds: 60 },
      nodes: [{ host: "h", port: 1 }],
      ...{ username: "u", password: "secret p=q", tlsAuthority: "/repository/ca.pem" },
      tlsClient: {
        ...{ certificate: "/c.pem", key: "/repository/k.pem", keyWritten: "k.pem" },
        passphrase: "secret x",
      },
    });
    expect(redis("h:1", { redis_type: "redis_cluster" })).toMatchObject({ mode: "cluster" });
    const client = redis("h:1,ssl_certfile=c,ssl_keyfile=k") as { tlsClient: object };
    expect(client.tlsClient).not.toHaveProperty("passphrase");
    for (const half of ["ssl_certfile=c", "ssl_keyfile=k"])
      expect(redis(`h:1,${half}`)).toBe(
        "is `redis`, and its `connection_string` has one of `ssl_certfile` and `ssl_keyfile` without the other",
      );
    expect(redis("h:1")).not.toHaveProperty("hidden");
    expect(redis("h:1")).not.toHaveProperty("shown");
  });
});

describe("a feature server", () => {
  const remote = (path: string, more: object = {}) => shown(read({ type: "remote", path, ...more }));
  test("has an address without a slash at its end, and user and password apart", () => {
    expect(remote("https://h:1/x//")).toEqual({ type: "remote", url: "secret https://h:1/x" });
    expect(remote("http://u%40:p%2F@h/")).toEqual({
      ...{ type: "remote", url: "secret http://h", credentials: "secret u@:p/" },
    });
    expect(remote("http://:p@h")).toMatchObject({ credentials: "secret :p" });
    expect(remote("http://u@h")).toMatchObject({ credentials: "secret u:" });
    expect(remote("https://h", { cert: "ca.pem" })).toMatchObject({ tlsAuthority: "/repository/ca.pem" });
    expect(remote("https://h", { cert: "/ca.pem" })).toMatchObject({ tlsAuthority: "/ca.pem" });
  });
  test("is refused without showing a password", () => {
    const badly = (path: string, written = path) => read({ type: "remote", path, cert: "c" }, { path: written });
    expect(badly("ftp://u:p@h")).toBe("is `remote` at `ftp://…@h`, which is not an http address");
    expect(badly("h:6566")).toBe("is `remote` at `h:6566`, which is not an http address");
    expect(badly("x https://h")).toMatch(/which is not an http address$/);
    expect(badly("https:///x")).toMatch(/which is not an http address$/);
    expect(badly("ftp://h", "$ADDRESS")).toBe("is `remote` at `$ADDRESS`, which is not an http address");
    const encoded =
      "is `remote`, and its `path` is not an http address. Write `/`, `@`, `#`, `?` and `%` of a password as %2F, %40, %23, %3F and %25";
    expect(badly("http://h:99999")).toBe(encoded);
    expect(badly("http://u:%@h")).toBe(encoded);
    const query = "is `remote`, and its `path` has a query; the address of a feature server has none";
    expect(badly("http://h?a=1")).toBe(query);
    expect(badly("http://h#a")).toBe(query);
  });
});

describe("an address in messages", () => {
  const address = (config: object, written: object) => {
    const store = read(config, written);
    if (typeof store === "string" || store.type === "sqlite") throw new Error(String(store));
    return addressOf(store);
  };
  test("has no variable expanded, and only what can be a node", () => {
    const nodes = (written: string) =>
      address({ type: "redis", connection_string: "h:1,i:2,password=s3cret" }, { connection_string: written });
    expect(nodes("h:1,i:2")).toBe("h:1, i:2");
    expect(nodes("h:1,${HOST}:6379, $HOST ,i:$PORT,j:${PORT},[::1]:3,password=$P")).toBe(
      "h:1, ${HOST}:6379, $HOST, i:$PORT, j:${PORT}, [::1]:3",
    );
    expect(nodes("a${HOST}b.c-d:1")).toBe("a${HOST}b.c-d:1");
    const none = "an address of feature_store.yaml";
    for (const part of ["${URL} x", "x y$Z", "$A:b:c", "$A:", ":$A", "${A-b}", "$A:1x", "/$A"])
      expect(nodes(part)).toBe(none);
    expect(nodes("password=$P")).toBe(none);
    expect(nodes("$A,x y")).toBe("$A");
  });
  test("is in no other program's text with its secrets", () => {
    const hidden = [new Secret("hidden", "$H")];
    const of = (config: object) => {
      const store = read(config, config, hidden);
      if (typeof store === "string" || store.type === "sqlite") throw new Error(String(store));
      return store;
    };
    const text = "user:pass pass hidden phrase other";
    expect(maskStore(of({ type: "redis", connection_string: "h:1,password=pass,ssl_password=phrase" }), text)).toBe(
      "user:*** *** $H phrase other",
    );
    const identified = "h:1,password=pass,ssl_password=phrase,ssl_certfile=c,ssl_keyfile=k";
    expect(maskStore(of({ type: "redis", connection_string: identified }), text)).toBe("user:*** *** $H *** other");
    expect(maskStore(of({ type: "remote", path: "http://user:pass@h" }), text)).toBe("*** *** $H phrase other");
    expect(maskStore(of({ type: "remote", path: "http://user@h" }), "user: user")).toBe("*** user");
    expect(maskStore(of({ type: "remote", path: "http://user:p%3Aq@h" }), "p:q pq")).toBe("*** pq");
    expect(maskStore(of({ type: "remote", path: "http://h" }), text)).toBe("user:pass pass $H phrase other");
  });
});

test("what a store's section leaves out is what Feast has", () => {
  expect(onlineStoreConfig.parse({})).toEqual({
    ...{ type: "sqlite", redis_type: "redis", sentinel_master: "mymaster", connection_string: "localhost:6379" },
  });
});
