/**
 * The limit of connections is one for all workers: 8,192 for each port, and one that closes makes room for another.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { resting, until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { serveWorkers } from "./served.js";

const LIMIT = 8192;
/** More than the limit. */
const TOO_MANY = 60;
/** Connections that are opened at once, fewer than a system queues for a port. */
const BATCH = 200;
const LIVE = "GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** Files that one process may have open. */
const mostFiles = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);

async function open(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.resume();
  return socket;
}

/** The status line of the response to a request, or an empty text from a connection that is closed. */
const statusOf = (socket: Socket): Promise<string> =>
  new Promise(resolve => {
    socket.once("data", chunk => resolve(String(chunk).split("\r\n")[0]!));
    socket.once("close", () => resolve(""));
    socket.write(LIVE);
  });

test.skipIf(mostFiles < LIMIT + 1000)(
  "two workers hold 8,192 connections of a port together, and no more",
  async () => {
    const served = await serveWorkers(repository(["echo_int32"]), 2);
    const all: Socket[] = [];
    onTestFinished(async () => {
      for (const socket of all) socket.destroy();
      await served.stop();
    });
    while (all.length < LIMIT + TOO_MANY) {
      const count = Math.min(BATCH, LIMIT + TOO_MANY - all.length);
      all.push(...(await Promise.all(Array.from({ length: count }, () => open(served.http)))));
    }
    const held = (): Socket[] => all.filter(({ closed }) => !closed);
    await until("those above the limit are closed", () => held().length <= LIMIT);
    expect(await resting(() => held().length, 500)).toBe(LIMIT);
    // Each is served, the first ones and the last.
    const some = held().filter((_, i, { length }) => i % 100 === 0 || i > length - 20);
    expect(new Set(await Promise.all(some.map(statusOf)))).toEqual(new Set(["HTTP/1.1 200 OK"]));
    // Another port has connections of its own.
    const other = await open(served.metrics);
    all.push(other);
    other.write("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(String((await once(other, "data"))[0])).toContain("200 OK");
    // A connection that ends makes room for one.
    for (const socket of held().slice(0, 10)) socket.destroy();
    const late = await until("another one is served", async () => {
      const socket = await open(served.http);
      all.push(socket);
      return (await statusOf(socket)) === "HTTP/1.1 200 OK" && socket;
    });
    expect(late.closed).toBe(false);
  },
  120_000,
);
