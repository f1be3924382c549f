// Hashes of clusters that change, and of servers that do not keep to the protocol.
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Cluster, type Redis } from "ioredis";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { keySlot } from "#runtime/stores/feast/key-slot.js";
import { connectHashReader, type HashPart, type HashReader } from "#runtime/stores/feast/redis-hashes.js";
import { redisAt } from "./every-redis.js";
import { startRedis, startRedisCluster } from "./redis-server.js";

vi.mock(import("#runtime/stores/feast/redis-client.js"), { spy: true });
const FIELDS = [Buffer.from("a"), Buffer.from("b")];
const keysOf = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => Buffer.from(`key ${i}`));

async function readerOf(ports: readonly number[], timeoutMs = 20_000): Promise<HashReader> {
  const reader = await connectHashReader(redisAt(...ports), timeoutMs);
  onTestFinished(() => reader.close());
  return reader;
}

/** A server's connections with their last commands. */
const connectionsOf = async (admin: Redis) =>
  Array.from(String(await admin.client("LIST")).matchAll(/^id=(\d+) .* cmd=(\S+)/gm), ([, id, command]) => ({
    id: id!,
    command: command!,
  }));

/** The first field of each key. */
async function valuesOf(reader: HashReader, keys: readonly Buffer[], signal?: Cancellable): Promise<(string | null)[]> {
  const [parts] = await reader.read([{ keys, fields: FIELDS }], signal, (_, key) => `key ${key}`);
  const values = new Array<string | null>(keys.length).fill(null);
  const take = ({ bytes, places, rows }: HashPart) => {
    for (let i = 0; i < places.length / 4; i++)
      if (places[4 * i]! >= 0) values[rows?.[i] ?? i] = bytes.toString("utf8", places[4 * i], places[4 * i + 1]);
  };
  parts!.forEach(take);
  return values;
}

/** Two servers with keys, the values of their first fields, and a reader of them. */
async function filledCluster(count: number) {
  const cluster = await startRedisCluster();
  onTestFinished(() => cluster.stop());
  const client = new Cluster(cluster.ports.map(port => ({ host: "127.0.0.1", port })));
  onTestFinished(() => client.disconnect());
  const keys = keysOf(count);
  const expected = keys.map((_, i) => `value ${i}`);
  for (const [i, key] of keys.entries()) await client.hset(key, "a", expected[i]!);
  return { cluster, keys, expected, reader: await readerOf(cluster.ports) };
}

describe("a cluster", () => {
  test("whose slots move: every key is found before, while and after; then without a detour", async () => {
    const { cluster, keys, expected, reader } = await filledCluster(200);
    expect(await valuesOf(reader, [...keys, Buffer.from("none")])).toEqual([...expected, null]);

    const moving = keys.find(key => keySlot(key) <= 8191)!;
    const slot = keySlot(moving);
    const [from, to] = cluster.nodes.map(node => node.client());
    const readers = async () => {
      const all = (await Promise.all([from!, to!].map(connectionsOf))).flat();
      return Object.fromEntries(
        Object.entries(Object.groupBy(all, ({ command }) => command)).map(([name, some]) => [name, some!.length]),
      );
    };
    // Its own connection to each server; its client has read nothing. Each server has a client of this test that has looked at the cluster, too.
    expect(await readers()).toMatchObject({ hmget: 2, "cluster|info": 3 });
    const [fromId, toId] = [await from!.call("CLUSTER", "MYID"), await to!.call("CLUSTER", "MYID")] as [string, string];
    await to!.call("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
    await from!.call("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
    await from!.call("MIGRATE", "127.0.0.1", cluster.ports[1]!, moving, 0, 5000);
    // The server that has the slot redirects with `ASK`.
    expect(await valuesOf(reader, keys)).toEqual(expected);
    for (const node of [to!, from!]) await node.call("CLUSTER", "SETSLOT", slot, "NODE", toId);
    const moved = async () => Number(/errorstat_MOVED:count=(\d+)/.exec(await from!.info("errorstats"))?.[1] ?? 0);
    expect(await valuesOf(reader, keys)).toEqual(expected);
    expect(await moved()).toBeGreaterThan(0);
    // The client has looked for the slots anew; from then on nothing is sent to the wrong server.
    await expect
      .poll(async () => {
        const before = await moved();
        expect(await valuesOf(reader, keys)).toEqual(expected);
        return (await moved()) - before;
      })
      .toBe(0);
    reader.close();
    await expect.poll(async () => (await readers()).hmget).toBeUndefined();
  });
});

test("requests side by side get their own replies, also those after a cancelled one", async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const keys = keysOf(300);
  for (const [i, key] of keys.entries()) await server.client().hset(key, "a", `value ${i}`);
  const reader = await readerOf([server.port]);
  const signal = new Cancellable();
  const cancelled = valuesOf(reader, keys, signal);
  const others = keys.map((_, i) => valuesOf(reader, keys.slice(i)));
  signal.abort();
  await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
  const expected = keys.map((_, i) => `value ${i}`);
  expect(await Promise.all(others)).toEqual(keys.map((_, i) => expected.slice(i)));
});

/** A server that greets as Redis does, and answers HMGET by a script. */
async function fakeRedis(answer: (socket: Socket, connection: number) => void) {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    const connection = connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.on("data", chunk => {
      for (const command of chunk.toString("latin1").matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g))
        if (command[1] === "HMGET") answer(socket, connection);
        else socket.write(command[1]!.toLowerCase() === "info" ? "$0\r\n\r\n" : "+OK\r\n");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    /** Connections so far. */
    connections: () => connections,
    open: () => sockets.size,
  };
}

const GOOD = "*2\r\n$1\r\n1\r\n$-1\r\n";

describe("a server that", () => {
  test("that is silent is late, loses its connection with the waiting requests, and gets another", async () => {
    const server = await fakeRedis((socket, connection) => connection > 0 && socket.write(GOOD));
    const reader = await readerOf([server.port], 200);
    const waiting = Array.from({ length: 50 }, () => valuesOf(reader, [Buffer.from("k")]));
    const outcomes = await Promise.allSettled(waiting);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: { code: "UNAVAILABLE", message: expect.stringMatching(/did not answer/) },
      });
    await expect.poll(() => valuesOf(reader, [Buffer.from("k")]).catch(() => "away")).toEqual(["1"]);
  });
});
