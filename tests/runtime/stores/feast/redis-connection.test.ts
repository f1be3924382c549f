import { expect, onTestFinished, test } from "vitest";
import { connectRedis } from "#runtime/stores/feast/redis-connection.js";
import { redisAt } from "./every-redis.js";
import { startRedis } from "./redis-server.js";

const faultOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no fault",
    ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
  );

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
