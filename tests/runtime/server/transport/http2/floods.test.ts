/**
 * Clients that only cause cost: each flood ends its own connection, and good clients beside it are served.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ERROR } from "#runtime/server/transport/http2/errors.js";
import { elapse, resting } from "../../../../run/wait.js";
import {
  CONTINUATION,
  DATA,
  END,
  END_HEADERS,
  eventually,
  GREETING,
  HEADERS,
  OK,
  PING,
  POST,
  PRIORITY,
  RawClient,
  RST,
  raw,
  SETTINGS,
  start,
  WELL,
  WINDOW,
  zeros,
} from "./support.js";

let server: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  server = await start(
    {
      "/never": () => {},
      "/large": zeros(2 ** 20),
    },
    { limits: { resets: [100, 1], idleFrames: [1000, 1], maxWaiting: 2 ** 22 } },
  );
});
afterAll(() => server.stop(0));

const NEVER = "83 86 04 06 2f6e65766572";
const repeat = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

async function good(): Promise<void> {
  const client = new RawClient(server.port).send(raw(HEADERS, END_HEADERS, 1, POST), raw(DATA, END, 1, "07"));
  expect((await client.next(({ type }) => type === DATA))?.payload).toEqual(Buffer.from([7]));
  client.close();
}

test.each([
  [
    "resets",
    repeat(150, i => Buffer.concat([raw(HEADERS, END_HEADERS, 2 * i + 1, NEVER), raw(RST, 0, 2 * i + 1, "00000008")])),
  ],
  ["resets that we are made to send", repeat(150, i => raw(HEADERS, END_HEADERS, 2 * i + 1, `${POST} 84`))],
  [
    "window updates by nothing",
    repeat(150, i =>
      Buffer.concat([raw(HEADERS, END_HEADERS, 2 * i + 1, NEVER), raw(WINDOW, 0, 2 * i + 1, "00000000")]),
    ),
  ],
  ["pings", repeat(1500, () => raw(PING, 0, 0, Buffer.alloc(8)))],
  ["answers to pings", repeat(1500, () => raw(PING, 1, 0, Buffer.alloc(8)))],
  ["settings", repeat(1500, () => raw(SETTINGS, 0, 0, "0004 0000ffff"))],
  ["acknowledgements", repeat(1500, () => raw(SETTINGS, 1, 0))],
  ["priorities", repeat(1500, () => raw(PRIORITY, 0, 1, "00000000 10"))],
  ["unknown frames", repeat(1500, () => raw(0x99, 0, 0))],
  ["window updates", repeat(1500, () => raw(WINDOW, 0, 0, "00000001"))],
  ["empty data", Buffer.concat([raw(HEADERS, END_HEADERS, 1, NEVER), repeat(1500, () => raw(DATA, 0, 1))])],
  ["data of a byte", Buffer.concat([raw(HEADERS, END_HEADERS, 1, NEVER), repeat(1500, () => raw(DATA, 0, 1, "00"))])],
  [
    "padding alone",
    Buffer.concat([raw(HEADERS, END_HEADERS, 1, NEVER), repeat(1500, () => raw(DATA, 8, 1, `80 ${"00".repeat(128)}`))]),
  ],
  [
    "crumbs of a window",
    Buffer.concat([
      raw(SETTINGS, 0, 0, "0004 00000000"),
      raw(HEADERS, END | END_HEADERS, 1, `83 86 04 06 ${Buffer.from("/large").toString("hex")}`),
      repeat(1500, () => raw(WINDOW, 0, 1, "00000001")),
    ]),
  ],
  ["continuations", Buffer.concat([raw(HEADERS, 0, 1, POST), repeat(1500, () => raw(CONTINUATION, 0, 1, "84"))])],
  ["empty continuations", Buffer.concat([raw(HEADERS, 0, 1, POST), repeat(1500, () => raw(CONTINUATION, 0, 1))])],
  [
    "a block without an end",
    Buffer.concat([
      raw(HEADERS, 0, 1, Buffer.alloc(16384)),
      repeat(5, () => raw(CONTINUATION, 0, 1, Buffer.alloc(16384))),
    ]),
  ],
  ["more settings than there are", raw(SETTINGS, 0, 0, "0099 00000000".repeat(33))],
])("a flood of %s ends its connection", async (_, bytes) => {
  const client = new RawClient(server.port).send(bytes);
  expect(await client.fault(0)).toBe(ERROR.ENHANCE_YOUR_CALM);
  await client.closed();
  await good();
});

test("calls that end well forgive pings, and no resets", async () => {
  const client = new RawClient(server.port);
  const pings = repeat(3, () => raw(PING, 0, 0, Buffer.alloc(8)));
  for (let i = 0; i < 600; i++) {
    client.send(raw(HEADERS, END_HEADERS | END, 2 * i + 1, POST), pings);
    if (i % 50 === 0) expect(await client.alive()).toBe(true);
  }
  expect(await client.alive()).toBe(true);
  for (let i = 600; i < 750; i++)
    client.send(raw(HEADERS, END_HEADERS | END, 2 * i + 1, POST), raw(RST, 0, 2 * i + 1, "00000008"));
  expect(await client.fault(0)).toBe(ERROR.ENHANCE_YOUR_CALM);
  client.close();
});

test("a client that reads nothing is refused new answers when too much waits", async () => {
  const client = new RawClient(
    server.port,
    Buffer.concat([GREETING, raw(SETTINGS, 0, 0, "0004 7fffffff"), raw(WINDOW, 0, 0, "7fff0000")]),
  );
  client.stopReading();
  const path = Buffer.from("/large").toString("hex");
  for (let i = 0; i < 40; i++) client.send(raw(HEADERS, END | END_HEADERS, 2 * i + 1, `83 86 04 06 ${path}`));
  await eventually(() => server.seen.opened.filter(one => one === "/large").length).toBeGreaterThan(3);
  await eventually(() => server.seen.connections.at(-1)!.openStreams).toBeGreaterThan(0);
  // Some megabytes are with the kernel, a few wait here, and the rest was refused.
  expect(await resting(() => server.seen.opened.filter(one => one === "/large").length)).toBeLessThan(40);
  client.close();
  await eventually(() => server.seen.connections.at(-1)!.openStreams).toBe(0);
  await good();
});

test("a client that reads nothing is disconnected because of its own responses", async () => {
  const patient = await start({ "/large": stream => stream.answer(OK, [Buffer.alloc(2 ** 24)], WELL) });
  const client = new RawClient(
    patient.port,
    Buffer.concat([GREETING, raw(SETTINGS, 0, 0, "0004 7fffffff"), raw(WINDOW, 0, 0, "7fff0000")]),
  ).stopReading();
  client.send(raw(HEADERS, END | END_HEADERS, 1, `83 86 04 06 ${Buffer.from("/large").toString("hex")}`));
  await eventually(() => patient.seen.opened.length).toBe(1);
  client.send(repeat(1500, () => raw(PING, 0, 0, Buffer.alloc(8))));
  await eventually(() => patient.seen.faults).toMatchObject([{ message: "too many answers are not read" }]);
  client.close();
  await patient.stop(0);
});

test("a connection that says nothing is ended in time", async () => {
  const hasty = await start({}, { limits: { greetingTime: 200 } });
  for (const bytes of [Buffer.alloc(0), GREETING.subarray(0, 24), GREETING.subarray(0, 7)]) {
    const client = new RawClient(hasty.port, bytes);
    expect(await client.fault(0)).toBe(ERROR.SETTINGS_TIMEOUT);
    await client.closed();
  }
  const slow = new RawClient(hasty.port);
  await elapse(300);
  expect(await slow.alive()).toBe(true);
  slow.close();
  await hasty.stop(0);
});

test("header fields over the limits end their stream alone", async () => {
  const many = repeat(129, () => Buffer.from("0001610162", "hex"));
  const large = Buffer.concat([Buffer.from("000161 7f8101".replaceAll(" ", ""), "hex"), Buffer.alloc(256, 120)]);
  const client = new RawClient(server.port).send(
    raw(HEADERS, END_HEADERS | END, 1, Buffer.concat([Buffer.from("838684", "hex"), many])),
    raw(
      HEADERS,
      END_HEADERS | END,
      3,
      Buffer.concat([Buffer.from("838684", "hex"), ...Array.from({ length: 60 }, () => large)]),
    ),
    raw(HEADERS, END_HEADERS | END, 5, POST),
  );
  expect(await client.fault(1)).toBe(ERROR.ENHANCE_YOUR_CALM);
  expect(await client.fault(3)).toBe(ERROR.ENHANCE_YOUR_CALM);
  expect(await client.next(({ type, stream }) => type === HEADERS && stream === 5)).toBeDefined();
  client.close();
});
