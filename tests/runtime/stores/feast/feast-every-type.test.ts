import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Secret } from "#contract/secret.js";
import { keyEncoder } from "#formats/feast/feast-key.js";
import { type RedisStore, readOnlineStore } from "#formats/feast/feast-online-store.js";
import { findView } from "#formats/feast/feast-registry.js";
import { openStore } from "#runtime/stores/feast/open-store.js";
import { featureField, hashNamer, timeField } from "#runtime/stores/feast/redis-form.js";
import { openssl } from "../../../needs/openssl.js";
import { scalars } from "../../../operators/step.js";
import { until } from "../../../run/wait.js";
import { fill, redisAt } from "./every-redis.js";
import { FIXTURES, feastAnswers, ourAnswers, repositoryOf } from "./every-type.js";
import { startRedis, startRedisCluster, startSentinel, type TestRedis } from "./redis-server.js";

describe.each(FIXTURES)("%s", name => {
  test.each([
    ["SQLite from memory", {}],
    ["SQLite by statement", { memoryMb: 0 }],
  ])("%s", async (_, options) => {
    expect(await ourAnswers(name, repositoryOf(name), options)).toEqual(feastAnswers(name));
  });
});

describe("Redis", () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  test.each(FIXTURES)("%s", async name => {
    const client = server.client();
    await client.flushall();
    await fill(client, name);
    const repository = { ...repositoryOf(name), onlineStore: redisAt(server.port) };
    expect(await ourAnswers(name, repository)).toEqual(feastAnswers(name));
  });

  test("an unknown entity is distinguished from a null value", async () => {
    const repository = { ...repositoryOf("every-0.67-k3"), onlineStore: redisAt(server.port) };
    const client = server.client();
    await client.flushall();
    await fill(client, "every-0.67-k3");
    const store = await openStore(repository, {});
    const view = findView(repository.registry, "values")!;
    const reader = await store.prepare([{ view, features: view.features.filter(f => f.name === "flag") }], {
      bytes: "utf8",
      eventTimes: true,
    });
    const [flag] = await reader.getOnline(new Map([["user_id", scalars("int64", [1n, 2n ** 53n + 1n, 99n])]]), 3);
    expect([...flag!.status]).toEqual([1, 2, 0]);
    expect([...flag!.eventSeconds!]).toEqual([1704112200, 1704112200, Number.NaN]);
    await store.close();
  });

  test("a time without its value is a null, a value without its time is as new as can be", async () => {
    const repository = { ...repositoryOf("every-0.67-k3"), onlineStore: redisAt(server.port) };
    const client = server.client();
    await client.flushall();
    const view = findView(repository.registry, "shops")!;
    const [rating] = view.features.filter(({ name }) => name === "rating");
    const keyOf = (shop: string) => hashNamer("every")(keyEncoder(view.joinKeys, 3)([shop]));
    const value = Buffer.from("350000803f", "hex");
    await client.hset(keyOf("timed"), timeField("shops"), Buffer.from("0805", "hex"));
    await client.hset(keyOf("valued"), featureField("shops", "rating"), value);
    await client.hset(
      keyOf("both"),
      featureField("shops", "rating"),
      value,
      timeField("shops"),
      Buffer.from("0805", "hex"),
    );
    const store = await openStore(repository, {});
    const reader = await store.prepare([{ view, features: [rating!] }], { bytes: "utf8", eventTimes: true });
    const keys = scalars("string", ["timed", "valued", "both", "none"]);
    const [column] = await reader.getOnline(new Map([["shop", keys]]), 4);
    expect([...column!.status]).toEqual([2, 1, 1, 0]);
    expect([column!.values[1], column!.values[2]]).toEqual([1, 1]);
    expect([...column!.eventSeconds!]).toEqual([5, Number.NaN, 5, Number.NaN]);
    await store.close();
  });
});

const REDIS = { redis_type: "redis", sentinel_master: "mymaster" } as const;

describe("other servers", () => {
  const name = "every-0.67-k3";
  test("a password, given and not given", async () => {
    const server = await startRedis(["--requirepass", "s,cret=1"], { password: "s,cret=1" });
    await fill(server.client(), name);
    const onlineStore = redisAt(server.port);
    const repository = repositoryOf(name);
    expect(
      await ourAnswers(name, { ...repository, onlineStore: { ...onlineStore, password: new Secret("s,cret=1") } }),
    ).toEqual(feastAnswers(name));
    await expect(ourAnswers(name, { ...repository, onlineStore })).rejects.toThrow(
      /the online store at 127\.0\.0\.1:\d+ \(redis\) .*(NOAUTH|Authentication)/,
    );
    await expect(
      ourAnswers(name, { ...repository, onlineStore: { ...onlineStore, password: new Secret("other") } }),
    ).rejects.toThrow(/can not be reached: WRONGPASS.*Give `username` and `password`/);
    await server.stop();
  });

  test("TLS, with its authority and without", async () => {
    const folder = mkdtempSync(join(tmpdir(), "merlon-redis-tls-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const ask = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1";
    openssl(folder, ...ask.split(" "), "-keyout", key, "-out", cert);
    const flags = ["--tls-port", "{port}", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert];
    const server = await startRedis([...flags, "--tls-auth-clients", "no"], { tls: { rejectUnauthorized: false } });
    await fill(server.client(), name);
    const onlineStore = { ...redisAt(server.port), tls: true };
    const repository = repositoryOf(name);
    expect(await ourAnswers(name, { ...repository, onlineStore: { ...onlineStore, tlsAuthority: cert } })).toEqual(
      feastAnswers(name),
    );
    await expect(ourAnswers(name, { ...repository, onlineStore })).rejects.toThrow(/self-signed certificate/);
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  test("a user of an access list, who shows a certificate", async () => {
    const folder = mkdtempSync(join(tmpdir(), "merlon-redis-mutual-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const ask =
      "req -x509 -newkey rsa:2048 -days 2 -subj /CN=elsewhere -passout pass:opens -addext subjectAltName=DNS:elsewhere";
    openssl(folder, ...ask.split(" "), "-keyout", key, "-out", cert);
    const client = { cert: readFileSync(cert), key: readFileSync(key), passphrase: "opens", rejectUnauthorized: false };
    const flags = ["--tls-port", "{port}", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert];
    const server = await startRedis([...flags, "--tls-key-file-pass", "opens"], { tls: client });
    await fill(server.client(), name);
    await server.client().call("ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+hmget", "+info", "+select");
    const repository = repositoryOf(name);
    const at = async (text: string) => {
      const onlineStore = readOnlineStore(
        {
          type: "redis",
          ...REDIS,
          connection_string: `127.0.0.1:${server.port},ssl=true,ssl_ca_certs=${cert},${text}`,
        },
        folder,
      );
      if (typeof onlineStore === "string") throw new Error(onlineStore);
      return ourAnswers(name, { ...repository, onlineStore });
    };
    const mine = "ssl_certfile=cert.pem,ssl_keyfile=key.pem,ssl_password=opens";
    const user = "username=reader,password=s3cret";
    const lax = "ssl_check_hostname=false";
    expect(await at(`${mine},${user},${lax}`)).toEqual(feastAnswers(name));
    await expect(at(`${user},${lax}`)).rejects.toThrow(
      /can not be reached: .*If it requires a client certificate, name one with `ssl_certfile`/,
    );
    await expect(at(`${mine},${user}`)).rejects.toThrow(/can not be reached: Hostname\/IP does not match/);
    await expect(at(`${mine},${lax},username=reader,password=no`)).rejects.toThrow(/WRONGPASS/);
    await expect(at(`ssl_certfile=cert.pem,${user}`)).rejects.toThrow(/one of `ssl_certfile` and `ssl_keyfile`/);
    await expect(at(`${mine.replace("key.pem", "gone.pem")},${lax}`)).rejects.toThrow(
      /the private key \S+gone\.pem of the online store can not be read \(ENOENT\)/,
    );
    await server.client().call("ACL", "SETUSER", "reader", "-hmget");
    await expect(at(`${mine},${user},${lax}`)).rejects.toThrow(/NOPERM.*hmget/);
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  test.each([false, true])("what a sentinel names, TLS %s: by TLS or not at all", async tls => {
    const folder = mkdtempSync(join(tmpdir(), "merlon-redis-tls-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const ask = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1";
    openssl(folder, ...ask.split(" "), "-keyout", key, "-out", cert);
    const files = [`tls-cert-file ${cert}`, `tls-key-file ${key}`, `tls-ca-cert-file ${cert}`, "tls-auth-clients no"];
    const flags = tls ? ["--tls-port", "{port}", ...files.flatMap(line => `--${line}`.split(" "))] : [];
    const server = await startRedis(flags, tls ? { tls: { rejectUnauthorized: false } } : {});
    onTestFinished(() => server.stop());
    await fill(server.client(), name);
    const sentinel = await startSentinel(server, tls ? [...files, "tls-replication yes"] : []);
    onTestFinished(() => sentinel.stop());
    const repository = repositoryOf(name);
    const at = (change: Partial<RedisStore>) =>
      ourAnswers(name, { ...repository, onlineStore: { ...redisAt(sentinel.port), mode: "sentinel", ...change } });
    expect(await at({ tls, ...(tls && { tlsAuthority: cert }) })).toEqual(feastAnswers(name));
    // The other way than the server's.
    await expect(at({ tls: !tls, tlsVerify: false })).rejects.toThrow(/can not be reached|did not answer/);
    await expect(at({ tls, sentinelName: "other" })).rejects.toThrow(/can not be reached|did not answer/);
  });

  test("a cluster", async () => {
    const cluster = await startRedisCluster();
    const { Cluster } = await import("ioredis");
    const client = new Cluster(cluster.ports.map(port => ({ host: "127.0.0.1", port })));
    await fill(client as unknown as Redis, name);
    const repository = { ...repositoryOf(name), onlineStore: redisAt(...cluster.ports) };
    expect(await ourAnswers(name, repository)).toEqual(feastAnswers(name));
    client.disconnect();
    await cluster.stop();
  });

  test("killed in mid-run: errors inside the deadline; back by itself when the server is back", async () => {
    const server = await startRedis();
    await fill(server.client(), name);
    const repository = { ...repositoryOf(name), onlineStore: redisAt(server.port) };
    const store = await openStore(repository, { timeoutMs: 500 });
    const view = findView(repository.registry, "shops")!;
    const reader = await store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
    const ask = async () => {
      const [rating] = await reader.getOnline(new Map([["shop", scalars("string", ["süd"])]]), 1);
      return rating!.values[0];
    };
    expect(await ask()).toBe(3.5);
    const flight = Array.from({ length: 50 }, () => ask().catch((error: Error) => error.message));
    await server.kill();
    await Promise.all(flight);
    const began = performance.now();
    for (let i = 0; i < 3; i++)
      await expect(ask()).rejects.toThrow(
        /the online store at 127\.0\.0\.1:\d+ \(redis\) (can not be reached|did not answer)/,
      );
    expect(performance.now() - began).toBeLessThan(3 * 500 + 1000);
    await server.restart();
    await fill(server.client(), name);
    expect(await until("an answer", () => ask().catch(() => undefined))).toBe(3.5);
    await store.close();
    await server.stop();
  });

  test("a key that is not a hash, a truncated value, and another server than configured", async () => {
    const server = await startRedis();
    const client = server.client();
    const repository = { ...repositoryOf(name), onlineStore: redisAt(server.port) };
    const view = findView(repository.registry, "shops")!;
    const rating = view.features[0]!;
    const key = hashNamer("every")(keyEncoder(view.joinKeys, 3)(["odd"]));
    const ask = async (eventTimes: boolean) => {
      const store = await openStore(repository, { timeoutMs: 500 });
      try {
        const reader = await store.prepare([{ view, features: [rating] }], { bytes: "utf8", eventTimes });
        return await reader.getOnline(new Map([["shop", scalars("string", ["süd", "odd"])]]), 2);
      } finally {
        await store.close();
      }
    };
    await client.set(key, "text");
    await expect(ask(false)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/\(redis\) refuses shop odd: WRONGTYPE .*It is no hash: Feast did not write it/),
    });
    await client.del(key);
    await client.hset(key, featureField("shops", "rating"), Buffer.from("3500", "hex"));
    await expect(ask(false)).rejects.toThrow(/feature `shops:rating` of shop odd can not be read: byte 1 announces 4/);
    await client.hset(key, featureField("shops", "rating"), Buffer.from("3500000000", "hex"), timeField("shops"), "\b");
    await expect(ask(true)).rejects.toThrow(/the event time of view `shops` of shop odd can not be read/);
    expect((await ask(false))[0]!.values[1]).toBe(0);
    const other = (change: Partial<RedisStore>) =>
      openStore({ ...repository, onlineStore: { ...redisAt(server.port), ...change } }, { timeoutMs: 500 });
    await expect(other({ db: 99 })).rejects.toThrow(/DB index is out of range\. Correct `db`/);
    await expect(other({ mode: "cluster" })).rejects.toThrow(/cluster support disabled\. It is one server: drop/);
    await expect(other({ tls: true })).rejects.toThrow(/If it does not speak TLS, drop `ssl=true`/);
    await server.stop();
  });

  test("a server that is not there is a fault of the load", async () => {
    const repository = { ...repositoryOf(name), onlineStore: redisAt(1) };
    await expect(openStore(repository, { timeoutMs: 300 })).rejects.toThrow(
      /the online store at 127\.0\.0\.1:1 \(redis\) can not be reached: connect ECONNREFUSED 127\.0\.0\.1:1\. Start it/,
    );
  });
});
