/**
 * Memory of HTTP/1 connections: it is charged to the server's budget, and clients that do not read are disconnected when it is spent.
 */
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { resting } from "../run/wait.js";
import { type Served, serveHttp1 } from "../runtime/server/transport/http1/support.js";

const MIB = 2 ** 20;
const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
let server: Served | undefined;
const clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await server?.stop(0);
});

/** A client that writes and reads nothing. */
function deaf(port: number, text: string): Socket {
  const socket = connect(port, "127.0.0.1", () => socket.write(text));
  socket.on("error", () => {}).pause();
  clients.push(socket);
  return socket;
}

test("responses that clients leave unread are charged, and those clients cut off when the budget is spent", async () => {
  const budget = new MemoryBudget(64 * MIB, { resident: () => 0 });
  // More than the kernel takes for a client that does not read.
  const answer = Buffer.alloc(16 * MIB);
  let cut = 0;
  server = await serveHttp1(
    exchange => exchange.reply(200, [["Content-Length", answer.length]], [answer]),
    { stallTime: 60_000 },
    budget,
  );
  for (let i = 0; i < 8; i++) deaf(server.port, GET).on("close", () => cut++);
  await expect.poll(() => budget.charged, { timeout: 10_000 }).toBeGreaterThan(57 * MIB);
  // A destroyed connection is seen by a client that reads.
  await expect.poll(() => budget.charged, { timeout: 10_000 }).toBeLessThan(57 * MIB);
  for (const client of clients) client.resume();
  await expect.poll(() => cut, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(cut).toBeLessThan(8);
  for (const client of clients.splice(0)) client.destroy();
  await expect.poll(() => budget.charged, { timeout: 10_000 }).toBe(0);
});

test("a client that reads is not cut off, and its response is charged no longer", async () => {
  const budget = new MemoryBudget(8 * MIB, { resident: () => 0 });
  const answer = Buffer.alloc(16 * MIB);
  server = await serveHttp1(exchange => exchange.reply(200, [["Content-Length", answer.length]], [answer]), {}, budget);
  let got = 0;
  const socket = connect(server.port, "127.0.0.1", () => socket.write(GET));
  clients.push(socket);
  socket.on("data", chunk => (got += chunk.length));
  await expect.poll(() => got, { timeout: 10_000 }).toBeGreaterThan(answer.length);
  await expect.poll(() => budget.charged).toBe(0);
});

test("requests that wait for their turn are charged", async () => {
  const budget = new MemoryBudget(64 * MIB);
  server = await serveHttp1(() => {}, {}, budget);
  for (let i = 0; i < 4; i++) deaf(server.port, GET.repeat(2000));
  await expect.poll(() => budget.charged).toBeGreaterThan(4 * 50_000);
  for (const client of clients.splice(0)) client.destroy();
  await expect.poll(() => budget.charged).toBe(0);
});

test("a response that its maker charges until it is sent is not charged twice", async () => {
  const budget = new MemoryBudget(64 * MIB);
  const answer = Buffer.alloc(16 * MIB);
  let sent = false;
  server = await serveHttp1(
    exchange =>
      exchange.reply(200, [["Content-Length", answer.length]], [answer], () => {
        sent = true;
      }),
    {},
    budget,
  );
  const client = deaf(server.port, GET);
  expect(await resting(() => budget.charged, 300)).toBeLessThan(MIB);
  expect(sent).toBe(false);
  client.destroy();
  await expect.poll(() => sent).toBe(true);
  expect(budget.charged).toBe(0);
});
