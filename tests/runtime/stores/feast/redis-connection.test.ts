/** The writer's connection to real servers: those that are away, silent, late, or refuse a command. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "#conformance/free-ports.js";
import { connectRedis } from "#runtime/stores/feast/redis-connection.js";
import { redisAt } from "./every-redis.js";
import { startRedis } from "./redis-server.js";

const faultOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no fault",
    ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
  );

/** Accepts connections, reads, and never answers. */
async function startSilent() {
  const sockets = new Set<Socket>();
  const server = createServer(socket => sockets.add(socket.resume()));
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as { port: number }).port, sockets };
}

test("a server that is away is named, with a way out", async () => {
  const port = await freePort();
  expect(await faultOf(connectRedis(redisAt(port), 20_000))).toBe(
    `UNAVAILABLE: the online store at 127.0.0.1:${port} (redis) can not be reached: connect ECONNREFUSED 127.0.0.1:${port}. Start it, or correct \`connection_string\` in feature_store.yaml.`,
  );
});

test("a server that never answers is given up, and its connection is closed", async () => {
  const { port, sockets } = await startSilent();
  expect(await faultOf(connectRedis(redisAt(port), 500))).toBe(
    `UNAVAILABLE: the online store at 127.0.0.1:${port} (redis) can not be reached: it did not answer within 500 ms. Start it, or correct \`connection_string\` in feature_store.yaml.`,
  );
  await expect.poll(() => [...sockets].filter(({ closed }) => !closed)).toEqual([]);
});

test("a command that is refused is quoted, and others continue afterwards", async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const connection = await connectRedis(redisAt(server.port), 20_000);
  onTestFinished(() => connection.close());
  expect(await connection.send([["SET", "k", "text"]])).toEqual([Buffer.from("OK")]);
  const where = `the online store at 127.0.0.1:${server.port} (redis)`;
  expect(
    await faultOf(
      connection.send([
        ["GET", "k"],
        ["HGET", "k", "f"],
      ]),
    ),
  ).toBe(
    `INVALID_ARGUMENT: ${where} refuses: WRONGTYPE Operation against a key holding the wrong kind of value. It is no hash: Feast did not write it. Delete the key, then materialize the view again.`,
  );
  expect(await connection.send([["GET", "k"]])).toEqual([Buffer.from("text")]);
});

test("a server that stops answering is late, and one that has ended is away", async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const connection = await connectRedis(redisAt(server.port), 1000);
  onTestFinished(() => connection.close());
  await server.client().call("CLIENT", "PAUSE", "60000", "ALL");
  const where = `the online store at 127.0.0.1:${server.port} (redis)`;
  expect(await faultOf(connection.send([["PING"]]))).toBe(`UNAVAILABLE: ${where} did not answer within 1000 ms.`);
  await server.kill();
  expect(await faultOf(connection.send([["PING"]]))).toMatch(
    new RegExp(`^UNAVAILABLE: the online store at 127.0.0.1:${server.port} \\(redis\\) can not be reached: `),
  );
});
