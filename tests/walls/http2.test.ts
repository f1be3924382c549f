/**
 * HTTP/2: unread responses are charged to the server's memory and cut when it is spent. Header blocks cost only what their bytes allow, and
 * a busy connection yields its turn to others.
 */
import { afterEach, expect, test } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { ERROR } from "#runtime/server/transport/http2/errors.js";
import {
  CONTINUATION,
  DATA,
  END,
  END_HEADERS,
  eventually,
  HEADERS,
  OK,
  RawClient,
  RST,
  raw,
  SETTINGS,
  type StartOptions,
  start,
  WELL,
  WINDOW,
  zeros,
} from "../runtime/server/transport/http2/support.js";

const MIB = 2 ** 20;
const LARGE = MIB;
/** Paths of one letter as literals behind POST and http. */
const head = (letter: string): string => `83 86 04 02 2f${Buffer.from(letter).toString("hex")}`;
const NO_WINDOW = raw(SETTINGS, 0, 0, "0004 00000000");

const servers: { stop(patience: number): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(0);
});

async function serve(options: StartOptions) {
  const server = await start(
    {
      "/a": zeros(LARGE),
      "/b": zeros(4 * LARGE),
      "/p": stream => {
        stream.pause();
        stream.listen({ data() {}, end() {} });
      },
      "/w": stream => {
        const until = performance.now() + 0.5;
        while (performance.now() < until);
        stream.answer(OK, [], WELL);
      },
    },
    options,
  );
  servers.push(server);
  return server;
}

const bytesOf = (client: RawClient, stream: number): number =>
  client.frames
    .filter(frame => frame.type === DATA && frame.stream === stream)
    .reduce((sum, { payload }) => sum + payload.length, 0);

test("a response that waits is charged until it is read, reset or lost with its connection", async () => {
  const budget = new MemoryBudget();
  const server = await serve({ budget });
  const client = new RawClient(server.port).send(NO_WINDOW, raw(HEADERS, END | END_HEADERS, 1, head("a")));
  await eventually(() => budget.charged).toBe(LARGE);
  client.send(raw(HEADERS, END | END_HEADERS, 3, head("a")), raw(HEADERS, END | END_HEADERS, 5, head("a")));
  await eventually(() => budget.charged).toBe(3 * LARGE);
  client.send(raw(RST, 0, 3, "00000008"));
  await eventually(() => budget.charged).toBe(2 * LARGE);
  client.send(raw(WINDOW, 0, 0, "01000000"), raw(WINDOW, 0, 1, "01000000"));
  await eventually(() => bytesOf(client, 1)).toBe(LARGE);
  await eventually(() => budget.charged).toBe(LARGE);
  client.close();
  await eventually(() => budget.charged).toBe(0);
});

test("what a socket does not take is charged, and given back with the connection", async () => {
  const budget = new MemoryBudget();
  const server = await serve({ budget });
  const wide = raw(SETTINGS, 0, 0, "0004 7fffffff");
  const client = new RawClient(server.port).send(wide, raw(WINDOW, 0, 0, "7fff0000")).stopReading();
  for (let stream = 1; stream < 40; stream += 2) client.send(raw(HEADERS, END | END_HEADERS, stream, head("b")));
  await eventually(() => budget.charged).toBeGreaterThan(40 * MIB);
  client.close();
  await eventually(() => budget.charged).toBe(0);
});

test("the body of a paused stream is charged until the stream resumes or ends", async () => {
  const budget = new MemoryBudget();
  const server = await serve({ budget });
  const client = new RawClient(server.port).send(
    raw(HEADERS, END_HEADERS, 1, head("p")),
    raw(DATA, 0, 1, Buffer.alloc(10_000)),
    raw(DATA, 0, 1, Buffer.alloc(6_000)),
  );
  await eventually(() => budget.charged).toBe(16_000);
  client.send(raw(RST, 0, 1, "00000008"));
  await eventually(() => budget.charged).toBe(0);
});

test("random cancels, windows and ends leave nothing charged", async () => {
  const budget = new MemoryBudget();
  const server = await serve({ budget, limits: { resets: [100_000, 1], idleFrames: [100_000, 1] } });
  let state = 7;
  const chance = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const size = (bytes: number): string => bytes.toString(16).padStart(8, "0");
  for (let round = 0; round < 12; round++) {
    const client = new RawClient(server.port);
    for (let stream = 1; stream < 60; stream += 2) {
      client.send(
        raw(HEADERS, END_HEADERS, stream, head("abp"[chance(3)]!)),
        raw(DATA, chance(2) ? END : 0, stream, Buffer.alloc(chance(16_000))),
      );
      if (chance(2)) client.send(raw(WINDOW, 0, 0, size(1 + chance(MIB))));
      if (chance(2)) client.send(raw(WINDOW, 0, stream, size(1 + chance(2 * MIB))));
      if (chance(3) === 0) client.send(raw(RST, 0, 1 + 2 * chance((stream + 1) / 2), "00000008"));
    }
    await client.alive();
    client.close();
  }
  await eventually(() => budget.charged).toBe(0);
});

test("when the memory is spent, clients that do not read are cut, the largest first, and the others are served", async () => {
  const budget = new MemoryBudget(8 * MIB, { resident: () => 0 });
  const server = await serve({ budget });
  const lazy = new RawClient(server.port).send(NO_WINDOW);
  lazy.send(raw(HEADERS, END | END_HEADERS, 1, head("a")), raw(HEADERS, END | END_HEADERS, 3, head("b")));
  lazy.send(raw(HEADERS, END | END_HEADERS, 5, head("b")));
  // The largest part of nine mebibytes is cut first, and less than 80 % is left then.
  const cut = await lazy.next(({ type }) => type === RST);
  expect(cut?.payload.readUInt32BE(0)).toBe(ERROR.ENHANCE_YOUR_CALM);
  expect([3, 5]).toContain(cut?.stream);
  expect(budget.charged).toBe(5 * MIB);
  const good = new RawClient(server.port).send(raw(HEADERS, END_HEADERS, 1, head("e")), raw(DATA, END, 1, "07"));
  expect((await good.next(({ type }) => type === DATA))?.payload).toEqual(Buffer.from([7]));
  expect(await lazy.alive()).toBe(true);
  expect(lazy.frames.filter(({ type }) => type === RST)).toHaveLength(1);
  good.close();
  lazy.close();
});

/** `a` with a value of 3,900 letters, remembered under the index 62. */
const ENTRY = Buffer.concat([Buffer.from("400161", "hex"), Buffer.from("7fbd1d", "hex"), Buffer.alloc(3900, "v")]);
const REFERENCE = 0xbe;

function blocks(stream: number, block: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_384)
    frames.push(
      raw(
        at === 0 ? HEADERS : CONTINUATION,
        at + 16_384 >= block.length ? END_HEADERS : 0,
        stream,
        block.subarray(at, at + 16_384),
      ),
    );
  return Buffer.concat(frames);
}

test("a header block of references far over the limits ends its connection, before it is decoded whole", async () => {
  const server = await serve({});
  const block = Buffer.concat([Buffer.from("838684", "hex"), ENTRY, Buffer.alloc(55_000, REFERENCE)]);
  const client = new RawClient(server.port).send(blocks(1, block));
  expect(await client.fault(0)).toBe(ERROR.ENHANCE_YOUR_CALM);
  await client.closed();
  expect(String(server.seen.faults[0])).toContain("far over a limit");
});

test("header blocks that serve nothing are counted by their work", async () => {
  const server = await serve({ limits: { resets: [1000, 1] } });
  // Each exceeds the limit of one block by little, and is refused.
  const block = Buffer.concat([ENTRY, Buffer.alloc(12, REFERENCE)]);
  const client = new RawClient(server.port);
  for (let i = 0; i < 150; i++) client.send(blocks(2 * i + 1, block));
  expect(await client.fault(0)).toBe(ERROR.ENHANCE_YOUR_CALM);
  await client.closed();
  expect(String(server.seen.faults[0])).toContain("header fields cost too much");
});

test("different headers of requests that are answered are not abuse", async () => {
  const server = await serve({});
  const client = new RawClient(server.port);
  const value = (i: number): Buffer =>
    Buffer.concat([Buffer.from("00016b7f810f", "hex"), Buffer.alloc(2048, 97 + (i % 26))]);
  for (let i = 0; i < 3000; i++) {
    client.send(
      raw(HEADERS, END_HEADERS, 2 * i + 1, Buffer.concat([Buffer.from("838684", "hex"), value(i)])),
      raw(DATA, END, 2 * i + 1, "07"),
    );
    if (i % 100 === 99)
      expect((await client.next(({ stream, type }) => type === DATA && stream === 2 * i + 1))?.payload).toHaveLength(1);
  }
  client.close();
});

test("a connection with many requests leaves its turn to others", async () => {
  const server = await serve({});
  const busy = new RawClient(server.port);
  const good = new RawClient(server.port);
  await Promise.all([busy.alive(), good.alive()]);
  const many = 1000;
  const requests = Buffer.concat(
    Array.from({ length: many }, (_, i) => raw(HEADERS, END | END_HEADERS, 2 * i + 1, head("w"))),
  );
  busy.send(requests);
  good.send(raw(HEADERS, END | END_HEADERS, 1, head("e")));
  await good.next(({ type }) => type === HEADERS);
  const before = server.seen.opened.indexOf("/e");
  expect(before).toBeGreaterThanOrEqual(0);
  expect(before).toBeLessThan(many / 2);
  await eventually(() => busy.frames.filter(({ flags, type }) => type === HEADERS && flags & END).length).toBe(many);
  good.close();
  busy.close();
});
