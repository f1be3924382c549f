// Stores written by real Feast (0.31.1 and 0.67; keys of versions 1, 2, 3) answer here what `get_online_features` answers there.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "#runtime/stores/feast/open-store.js";
import { findView } from "#triton-protos/artefacts/feast-registry.js";
import { scalars } from "../kernels/step.js";
import { fill, redisAt } from "./every-redis.js";
import { FIXTURES, feastAnswers, ourAnswers, repositoryOf } from "./every-type.js";
import { startRedis, startRedisCluster, type TestRedis } from "./redis-server.js";

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

  test("an unknown entity is told from a null value", async () => {
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
});

describe("other servers", () => {
  const name = "every-0.67-k3";
  test("a password, given and not given", async () => {
    const server = await startRedis(["--requirepass", "s,cret=1"], { password: "s,cret=1" });
    await fill(server.client(), name);
    const onlineStore = redisAt(server.port);
    const repository = repositoryOf(name);
    expect(await ourAnswers(name, { ...repository, onlineStore: { ...onlineStore, password: "s,cret=1" } })).toEqual(
      feastAnswers(name),
    );
    await expect(ourAnswers(name, { ...repository, onlineStore })).rejects.toThrow(
      /the online store at 127\.0\.0\.1:\d+ \(redis\) .*(NOAUTH|Authentication)/,
    );
    await expect(
      ourAnswers(name, { ...repository, onlineStore: { ...onlineStore, password: "other" } }),
    ).rejects.toThrow(/can not be reached: WRONGPASS.*Give `username` and `password`/);
    await server.stop();
  });

  test("TLS, with its authority and without", async () => {
    const folder = mkdtempSync(join(tmpdir(), "merlon-redis-tls-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const ask = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1";
    execFileSync("openssl", [...ask.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" });
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
    let last: unknown;
    for (let i = 0; i < 100 && last !== 3.5; i++) {
      last = await ask().catch(() => undefined);
      if (last !== 3.5) await new Promise(done => setTimeout(done, 50));
    }
    expect(last).toBe(3.5);
    await store.close();
    await server.stop();
  });

  test("a server that is not there is a fault of the load", async () => {
    const repository = { ...repositoryOf(name), onlineStore: redisAt(1) };
    await expect(openStore(repository, { timeoutMs: 300 })).rejects.toThrow(
      /the online store at 127\.0\.0\.1:1 \(redis\) can not be reached: connect ECONNREFUSED 127\.0\.0\.1:1\. Start it/,
    );
  });
});
