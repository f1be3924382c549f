/**
 * Online stores that fail or hang under a served plan. Every request ends within the store's time, with the step and the store named, or
 * earlier with the client's own deadline. The process continues, and the plan recovers by itself when the store is back.
 */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { startRedis } from "../stores/feast/redis-server.js";
import { type BadServer, change, startBad } from "./bad-served.js";

const WITHIN_MS = 400;
/** The features of `recommend` from another online store. */
const from = (store: string) => ({
  plan: change("user", { timeoutMs: WITHIN_MS }),
  folder: (folder: string): void => {
    const file = join(folder, "features/feature_store.yaml");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/online_store:\n {2}type: sqlite\n {2}path: \S+\n/, `online_store:\n${store}`));
  },
});

/** Unknown users have the default age, so an empty store is a good one. */
const answers = async (server: BadServer): Promise<boolean> =>
  (await server.http({})).status === 200 && (await server.overGrpc({})).code === 0;

async function expectRefused(server: BadServer, message: RegExp): Promise<void> {
  const began = performance.now();
  const asked = await Promise.all([server.http({}), server.overGrpc({}), server.overGrpc({ users: [2, 3] })]);
  expect(performance.now() - began).toBeLessThan(WITHIN_MS + 1500);
  const [http, ...overGrpc] = asked;
  expect(http.body).toEqual({ error: expect.stringMatching(message) });
  for (const { code, message: text } of overGrpc) {
    expect(code).toBe(grpc.status.UNAVAILABLE);
    expect(text).toMatch(message);
  }
}

test("Redis, killed and restarted while the plan runs", async () => {
  const redis = await startRedis();
  const server = await startBad(from(`  type: redis\n  connection_string: 127.0.0.1:${redis.port}\n`));
  try {
    expect(server.loaded).toMatchObject({ status: 200 });
    expect(await answers(server)).toBe(true);
    const flight = Array.from({ length: 40 }, () => server.overGrpc({}));
    await redis.kill();
    for (const { code } of await Promise.all(flight)) expect([0, grpc.status.UNAVAILABLE]).toContain(code);
    for (let i = 0; i < 2; i++)
      await expectRefused(
        server,
        /step `user` \(queryFeast\): the online store at 127\.0\.0\.1:\d+ \(redis\) (can not be reached|did not answer)/,
      );
    await redis.restart();
    await expect.poll(() => answers(server), { timeout: 10_000 }).toBe(true);
  } finally {
    await server.stop();
    await redis.stop();
  }
});

test("a feature server that hangs, and answers again", async () => {
  let hangs = false;
  const features = createServer((request, response) => {
    request.resume();
    if (request.url === "/health") response.end();
    else if (!hangs) response.writeHead(500).end("no features today");
  }).listen(0, "127.0.0.1");
  await once(features, "listening");
  const { port } = features.address() as AddressInfo;
  const server = await startBad(from(`  type: remote\n  path: http://127.0.0.1:${port}\n`));
  try {
    expect(server.loaded).toMatchObject({ status: 200 });
    await expectRefused(server, /step `user` \(queryFeast\): the feature server at \S+ answers 500: no features today/);
    hangs = true;
    await expectRefused(server, /step `user` \(queryFeast\): the feature server at \S+ did not answer within 400 ms/);
    // A client with a shorter deadline gets its error by then.
    const began = performance.now();
    const { code } = await server.overGrpc({}, 80);
    expect(code).toBe(grpc.status.DEADLINE_EXCEEDED);
    expect(performance.now() - began).toBeLessThan(WITHIN_MS);
    hangs = false;
    await expectRefused(server, /answers 500: no features today/);
  } finally {
    await server.stop();
    features.closeAllConnections();
    features.close();
  }
});
