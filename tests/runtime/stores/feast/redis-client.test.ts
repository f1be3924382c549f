/** Clients of a Redis store: which server gets a command, what a command without a connection does, and which files are missing. */
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { Secret } from "#contract/secret.js";
import { clientOptions, connected, makeCluster, makeSingle } from "#runtime/stores/feast/redis-client.js";
import { connectRedis } from "#runtime/stores/feast/redis-connection.js";
import { redisAt } from "./every-redis.js";
import { startRedis, startRedisCluster } from "./redis-server.js";

const TIMEOUT_MS = 20_000;

test("commands for a cluster reach the server that has their slot", async () => {
  const cluster = await startRedisCluster();
  onTestFinished(() => cluster.stop());
  const connection = await connectRedis(redisAt(...cluster.ports), TIMEOUT_MS);
  onTestFinished(() => connection.close());
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  expect(await connection.send(keys.map(key => ["HSET", key, "f", key] as const))).toEqual(keys.map(() => 1));
  expect(await connection.send(keys.map(key => ["HGET", key, "f"] as const))).toEqual(
    keys.map(key => Buffer.from(key)),
  );
  const held = await Promise.all(cluster.nodes.map(node => node.client().keys("*")));
  expect(held.map(some => some.length > 0)).toEqual([true, true]);
  expect(held.flat().sort()).toEqual([...keys].sort());
});

test("a command fails at once while the connection is made again", async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const store = redisAt(server.port);
  const client = makeSingle(store, TIMEOUT_MS);
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  await connected(client, store);
  const reconnecting = once(client, "reconnecting");
  await server.client().call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await reconnecting;
  await expect(client.ping()).rejects.toThrow("Stream isn't writeable and enableOfflineQueue options is false");
});

test("a command fails at once while a cluster is looked for", async () => {
  const client = makeCluster(redisAt(1, 2), TIMEOUT_MS);
  client.on("error", () => {});
  const connecting = client.connect().catch(() => "away");
  const failed = client.get("k").catch(({ message }: Error) => message);
  client.disconnect();
  expect(await failed).toBe("Cluster isn't ready and enableOfflineQueue options is false");
  expect(await connecting).toBe("away");
});

test("the first database is not selected, and another one is", async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const admin = server.client();
  await admin.call("ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+info", "+get");
  await admin.set("k", "first");
  const valueIn = async (db: number, user: object) => {
    const store = { ...redisAt(server.port), db, ...user };
    const client = makeSingle(store, TIMEOUT_MS, { protocol: 2 });
    client.on("error", () => {});
    try {
      await connected(client, store);
      return await client.get("k");
    } finally {
      client.disconnect();
    }
  };
  // This user may not select.
  const reader = { username: "reader", password: new Secret("s3cret") };
  expect(await valueIn(0, reader)).toBe("first");
  await expect(valueIn(3, reader)).rejects.toThrow(/NOPERM.*select/);
  expect(await valueIn(3, {})).toBeNull();
});

test("attempts to connect are ever further apart, up to a second", () => {
  const { retryStrategy } = clientOptions(redisAt(1), TIMEOUT_MS);
  expect([1, 2, 3, 4, 5, 6, 7, 50, 2000].map(retryStrategy)).toEqual([
    ...[50, 100, 200, 400, 800, 1000, 1000, 1000, 1000],
  ]);
});

test.each([
  ["without a passphrase", {}, {}],
  ["with one", { passphrase: new Secret("opens") }, { passphrase: "opens" }],
])("a client certificate %s", (_, given, passphrase) => {
  const tlsClient = { certificate: "/dev/null", key: "/dev/null", keyWritten: "k.pem", ...given };
  const empty = Buffer.alloc(0);
  expect(clientOptions({ ...redisAt(1), tls: true, tlsClient }, TIMEOUT_MS).tls).toStrictEqual({
    ...{ rejectUnauthorized: true, cert: empty, key: empty },
    ...passphrase,
  });
});

test.each([
  ["certificate authority", "ca.pem", { tlsAuthority: "/none/ca.pem" }],
  ["client certificate", "c.pem", { tlsClient: { certificate: "/none/c.pem", key: "/none/k.pem", keyWritten: "k" } }],
  ["private key", "k.pem", { tlsClient: { certificate: "/dev/null", key: "/none/k.pem", keyWritten: "k.pem" } }],
])("a %s that is missing is named", (what, file, given) => {
  expect(() => clientOptions({ ...redisAt(1), tls: true, ...given }, TIMEOUT_MS)).toThrow(
    `the ${what} /none/${file} of the online store can not be read (ENOENT).`,
  );
});
