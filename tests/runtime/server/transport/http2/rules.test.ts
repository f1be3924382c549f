/**
 * RFC 9113, rule by rule: frames written by hand, and what the server does with them.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ERROR, type ErrorName } from "#runtime/server/transport/http2/errors.js";
import {
  CONTINUATION,
  DATA,
  END,
  END_HEADERS,
  GOAWAY,
  GREETING,
  HEADERS,
  PADDED,
  PING,
  POST,
  PRIORITY,
  PUSH,
  RawClient,
  RST,
  raw,
  SETTINGS,
  start,
  WINDOW,
} from "./support.js";

let server: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  server = await start(
    { "/never": () => {} },
    { limits: { maxStreams: 4, streamWindow: 2 ** 16, connectionWindow: 2 ** 17 } },
  );
});
afterAll(() => server.stop(0));

const open = (): RawClient => new RawClient(server.port);
const post = (stream: number, flags: number = END_HEADERS): Buffer => raw(HEADERS, flags, stream, POST);
/** POST /never, which is never answered. */
const NEVER = "83 86 04 06 2f6e65766572";
const never = (stream: number, flags: number = END_HEADERS): Buffer => raw(HEADERS, flags, stream, NEVER);
const setting = (id: number, value: number): string =>
  id.toString(16).padStart(4, "0") + value.toString(16).padStart(8, "0");

/** One ends in faults of the connection, 0, or of its first stream, 1. */
const rules: readonly [rule: string, stream: 0 | 1, code: ErrorName, frames: readonly Buffer[]][] = [
  ["4.2: a frame longer than was agreed", 0, "FRAME_SIZE_ERROR", [raw(DATA, 0, 1, Buffer.alloc(16385))]],
  ["4.2: SETTINGS of half an entry", 0, "FRAME_SIZE_ERROR", [raw(SETTINGS, 0, 0, "0003 000000")]],
  ["4.3: a block that no decoder reads", 0, "COMPRESSION_ERROR", [raw(HEADERS, END_HEADERS, 1, "80")]],
  ["4.3: another frame in a header block", 0, "PROTOCOL_ERROR", [post(1, 0), raw(PING, 0, 0, Buffer.alloc(8))]],
  ["4.3: an unknown frame in a header block", 0, "PROTOCOL_ERROR", [post(1, 0), raw(0x42, 0, 1)]],
  ["4.3: CONTINUATION of another stream", 0, "PROTOCOL_ERROR", [post(1, 0), raw(CONTINUATION, END_HEADERS, 3)]],
  ["5.1: DATA of an idle stream", 0, "PROTOCOL_ERROR", [raw(DATA, 0, 1, "00")]],
  ["5.1: RST_STREAM of an idle stream", 0, "PROTOCOL_ERROR", [raw(RST, 0, 1, "00000008")]],
  ["5.1: WINDOW_UPDATE of an idle stream", 0, "PROTOCOL_ERROR", [raw(WINDOW, 0, 1, "00000001")]],
  ["5.1: CONTINUATION of an idle stream", 0, "PROTOCOL_ERROR", [raw(CONTINUATION, END_HEADERS, 1, POST)]],
  ["5.1: DATA after the request's end", 1, "STREAM_CLOSED", [never(1, END | END_HEADERS), raw(DATA, 0, 1, "00")]],
  [
    "5.1: HEADERS after the request's end",
    1,
    "STREAM_CLOSED",
    [never(1, END | END_HEADERS), raw(HEADERS, END | END_HEADERS, 1)],
  ],
  ["5.1: DATA after both ends", 0, "STREAM_CLOSED", [post(1, END | END_HEADERS), raw(DATA, 0, 1, "00")]],
  ["5.1: HEADERS after both ends", 0, "STREAM_CLOSED", [post(1, END | END_HEADERS), post(1)]],
  [
    "5.1: DATA after the client's own reset",
    0,
    "STREAM_CLOSED",
    [never(1), raw(RST, 0, 1, "00000008"), raw(DATA, 0, 1, "00")],
  ],
  ["5.1.1: an even stream", 0, "PROTOCOL_ERROR", [post(2)]],
  ["5.1.1: a stream below the last", 0, "PROTOCOL_ERROR", [never(5), never(3)]],
  ["6.1: DATA of stream 0", 0, "PROTOCOL_ERROR", [raw(DATA, 0, 0, "00")]],
  ["6.1: a padding longer than DATA", 0, "PROTOCOL_ERROR", [never(1), raw(DATA, PADDED, 1, "05 00")]],
  ["6.1: a padding without a length", 0, "PROTOCOL_ERROR", [never(1), raw(DATA, PADDED, 1)]],
  ["6.2: HEADERS of stream 0", 0, "PROTOCOL_ERROR", [post(0)]],
  ["6.2: a padding longer than HEADERS", 0, "PROTOCOL_ERROR", [raw(HEADERS, END_HEADERS | PADDED, 1, `09 ${POST}`)]],
  ["6.2: a priority that is cut", 0, "PROTOCOL_ERROR", [raw(HEADERS, END_HEADERS | 32, 1, "00 00")]],
  ["6.3: PRIORITY of stream 0", 0, "PROTOCOL_ERROR", [raw(PRIORITY, 0, 0, "00000000 10")]],
  ["6.3: PRIORITY of another length", 1, "FRAME_SIZE_ERROR", [never(1), raw(PRIORITY, 0, 1, "00000000")]],
  ["6.3: the same of an idle stream", 0, "FRAME_SIZE_ERROR", [raw(PRIORITY, 0, 1, "00000000")]],
  ["6.4: RST_STREAM of stream 0", 0, "PROTOCOL_ERROR", [raw(RST, 0, 0, "00000008")]],
  ["6.4: RST_STREAM of another length", 0, "FRAME_SIZE_ERROR", [never(1), raw(RST, 0, 1, "000008")]],
  ["6.5: SETTINGS of a stream", 0, "PROTOCOL_ERROR", [raw(SETTINGS, 0, 1)]],
  ["6.5: an acknowledgement with settings", 0, "FRAME_SIZE_ERROR", [raw(SETTINGS, 1, 0, setting(3, 1))]],
  ["6.5.2: ENABLE_PUSH of 2", 0, "PROTOCOL_ERROR", [raw(SETTINGS, 0, 0, setting(2, 2))]],
  ["6.5.2: a window over its greatest", 0, "FLOW_CONTROL_ERROR", [raw(SETTINGS, 0, 0, setting(4, 2 ** 31))]],
  ["6.5.2: frames below their least", 0, "PROTOCOL_ERROR", [raw(SETTINGS, 0, 0, setting(5, 16383))]],
  ["6.5.2: frames over their greatest", 0, "PROTOCOL_ERROR", [raw(SETTINGS, 0, 0, setting(5, 2 ** 24))]],
  ["6.6: PUSH_PROMISE", 0, "PROTOCOL_ERROR", [never(1), raw(PUSH, END_HEADERS, 1, `00000002 ${POST}`)]],
  ["6.7: PING of a stream", 0, "PROTOCOL_ERROR", [raw(PING, 0, 1, Buffer.alloc(8))]],
  ["6.7: PING of another length", 0, "FRAME_SIZE_ERROR", [raw(PING, 0, 0, Buffer.alloc(7))]],
  ["6.8: GOAWAY of a stream", 0, "PROTOCOL_ERROR", [raw(GOAWAY, 0, 1, Buffer.alloc(8))]],
  ["6.8: GOAWAY that is cut", 0, "FRAME_SIZE_ERROR", [raw(GOAWAY, 0, 0, Buffer.alloc(7))]],
  ["6.9: WINDOW_UPDATE of another length", 0, "FRAME_SIZE_ERROR", [raw(WINDOW, 0, 0, "000001")]],
  ["6.9: WINDOW_UPDATE of the connection by nothing", 0, "PROTOCOL_ERROR", [raw(WINDOW, 0, 0, "00000000")]],
  ["6.9: WINDOW_UPDATE of a stream by nothing", 1, "PROTOCOL_ERROR", [never(1), raw(WINDOW, 0, 1, "00000000")]],
  ["6.9.1: a connection's window over its greatest", 0, "FLOW_CONTROL_ERROR", [raw(WINDOW, 0, 0, "7fffffff")]],
  ["6.9.1: a stream's window over its greatest", 1, "FLOW_CONTROL_ERROR", [never(1), raw(WINDOW, 0, 1, "7fffffff")]],
  [
    "6.9.2: a window that SETTINGS take over its greatest",
    0,
    "FLOW_CONTROL_ERROR",
    [never(1), raw(WINDOW, 0, 1, "7fff0000"), raw(SETTINGS, 0, 0, setting(4, 2 ** 20))],
  ],
  ["6.10: CONTINUATION of no block", 0, "PROTOCOL_ERROR", [never(1), raw(CONTINUATION, END_HEADERS, 1)]],
  ["8.1: trailers that end nothing", 1, "PROTOCOL_ERROR", [never(1), raw(HEADERS, END_HEADERS, 1, "00 01 61 01 62")]],
  [
    "8.1.1: less than content-length says",
    1,
    "PROTOCOL_ERROR",
    [raw(HEADERS, END_HEADERS, 1, `${NEVER} 0f0d 01 35`), raw(DATA, END, 1, "00")],
  ],
  [
    "8.1.1: more than content-length says",
    1,
    "PROTOCOL_ERROR",
    [raw(HEADERS, END_HEADERS, 1, `${NEVER} 0f0d 01 31`), raw(DATA, END, 1, "0000")],
  ],
  [
    "8.1.1: no body where content-length says one",
    1,
    "PROTOCOL_ERROR",
    [raw(HEADERS, END | END_HEADERS, 1, `${NEVER} 0f0d 01 31`)],
  ],
];

test.each(rules)("%s", async (_, stream, code, frames) => {
  const client = open().send(...frames);
  expect(await client.fault(stream)).toBe(ERROR[code]);
  if (stream === 0) await client.closed();
  else expect(await client.alive()).toBe(true);
  client.close();
});

const text = (value: string): string =>
  Buffer.from([value.length]).toString("hex") + Buffer.from(value, "latin1").toString("hex");
const field = (name: string, value: string): string => `00 ${text(name)} ${text(value)}`;

test.each([
  ["a name in upper case", POST + field("X-A", "1")],
  ["a name with a blank", POST + field("x a", "1")],
  ["no name", POST + field("", "1")],
  ["a name with a colon in it", POST + field("x:a", "1")],
  ["a value with a line's end", POST + field("x-a", "1\r\nx-b: 2")],
  ["a value with a zero", POST + field("x-a", "1\0")],
  ["connection", POST + field("connection", "close")],
  ["transfer-encoding", POST + field("transfer-encoding", "chunked")],
  ["te besides trailers", POST + field("te", "gzip")],
  ["an unknown pseudo-header field", POST + field(":protocol", "x")],
  ["one of responses", `${POST} 88`],
  ["a pseudo-header field after others", `83 86 ${field("x-a", "1")} 84`],
  ["a pseudo-header field twice", `${POST} 84`],
  ["no :method", "86 84"],
  ["no :scheme", "83 84"],
  ["no :path", "83 86"],
  ["an empty :path", "83 86 04 00"],
  ["content-length that is none", POST + field("content-length", "-1")],
  ["two content-lengths", POST + field("content-length", "1") + field("content-length", "2")],
])("8.2 and 8.3: %s is malformed", async (_, block) => {
  const client = open().send(raw(HEADERS, END | END_HEADERS, 1, block));
  expect(await client.fault(1)).toBe(ERROR.PROTOCOL_ERROR);
  client.send(post(3, END | END_HEADERS));
  expect(await client.next(({ type, stream }) => type === HEADERS && stream === 3)).toBeDefined();
  client.close();
});

test("blanks at the ends of a value are left alone, as gRPC's own servers leave them", async () => {
  const client = open().send(raw(HEADERS, END | END_HEADERS, 1, POST + field("x-a", " 1 ")));
  expect(await client.next(({ type, stream }) => type === HEADERS && stream === 1)).toBeDefined();
  client.close();
});

test("trailers with a pseudo-header field are malformed, others end the request", async () => {
  const client = open().send(post(1), raw(HEADERS, END | END_HEADERS, 1, "84"));
  expect(await client.fault(1)).toBe(ERROR.PROTOCOL_ERROR);
  client.send(post(3), raw(DATA, 0, 3, "0102"), raw(HEADERS, END | END_HEADERS, 3, field("x-last", "1")));
  expect((await client.next(({ type, stream }) => type === DATA && stream === 3))?.payload).toEqual(
    Buffer.from([1, 2]),
  );
  client.close();
});

test("3.4: bytes that are not a preface end the connection, and so does another frame than SETTINGS", async () => {
  const web = new RawClient(server.port, Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
  expect(await web.fault(0)).toBe(ERROR.PROTOCOL_ERROR);
  await web.closed();
  for (const first of [raw(PING, 0, 0, Buffer.alloc(8)), raw(SETTINGS, 1, 0)]) {
    const early = new RawClient(server.port, Buffer.concat([GREETING.subarray(0, 24), first]));
    expect(await early.fault(0)).toBe(ERROR.PROTOCOL_ERROR);
    await early.closed();
  }
});

test("a greeting may arrive byte by byte", async () => {
  const client = new RawClient(server.port, GREETING.subarray(0, 1));
  for (const byte of GREETING.subarray(1)) {
    client.send(Buffer.from([byte]));
    await new Promise(resolve => setImmediate(resolve));
  }
  expect(await client.alive()).toBe(true);
  client.close();
});

test("settings are sent first and acknowledged, pings are answered", async () => {
  const client = open();
  const ack = await client.next(({ type, flags }) => type === SETTINGS && flags === 1);
  expect(ack).toMatchObject({ stream: 0, payload: Buffer.alloc(0) });
  expect(client.frames[0]).toMatchObject({ type: SETTINGS, flags: 0 });
  expect(client.frames[0]!.payload.toString("hex")).toBe(setting(3, 4) + setting(4, 2 ** 16) + setting(6, 2 ** 14));
  // From 65535 bytes to 2^17.
  expect(client.frames[1]).toMatchObject({ type: WINDOW, stream: 0, payload: Buffer.from([0, 1, 0, 1]) });
  expect(await client.alive()).toBe(true);
  client.close();
});

test("4.1 and 5.5: unknown frames, flags and settings, and reserved bits mean nothing", async () => {
  const client = open().send(
    raw(0x42, 0xff, 7, "0102"),
    raw(SETTINGS, 0, 0, setting(0x99, 1)),
    raw(HEADERS, END_HEADERS | 0x40, 2 ** 31 + 1, POST),
    raw(PRIORITY, 0, 1, "80000001 ff"),
    raw(HEADERS, END | END_HEADERS | PADDED | 32, 3, `02 00000001 10 ${POST} 0000`),
    raw(DATA, END | 0x80, 1, "07"),
  );
  expect((await client.next(({ type, stream }) => type === DATA && stream === 1))?.payload).toEqual(Buffer.from([7]));
  expect(await client.next(({ type, stream }) => type === HEADERS && stream === 3)).toBeDefined();
  client.close();
});

test("5.1.2: streams over the limit are refused, and those after a reset served", async () => {
  const client = open().send(never(1), never(3), never(5), never(7), post(9));
  expect(await client.fault(9)).toBe(ERROR.REFUSED_STREAM);
  client.send(raw(RST, 0, 3, "00000008"), post(11, END | END_HEADERS));
  expect(await client.next(({ type, stream }) => type === HEADERS && stream === 11)).toBeDefined();
  client.close();
});

test("frames that were under way when their stream was reset are passed over", async () => {
  const client = open().send(raw(HEADERS, END_HEADERS, 1, `${POST}${field("te", "gzip")}`));
  expect(await client.fault(1)).toBe(ERROR.PROTOCOL_ERROR);
  client.send(raw(DATA, 0, 1, "0102"), raw(WINDOW, 0, 1, "00000001"), raw(RST, 0, 1, "00000008"));
  // The block adds to the table, which must stay in step.
  client.send(raw(HEADERS, END | END_HEADERS, 1, "40 01 61 01 62"), raw(HEADERS, END | END_HEADERS, 3, `${POST} be`));
  expect(await client.next(({ type, stream }) => type === HEADERS && stream === 3)).toBeDefined();
  client.close();
});

test("6.9: data beyond a window ends the stream, or the connection", async () => {
  const block = raw(DATA, 0, 1, Buffer.alloc(16384));
  const paused = await start(
    { "/": stream => stream.pause() },
    { limits: { streamWindow: 2 ** 16, connectionWindow: 2 ** 17 } },
  );
  const client = new RawClient(paused.port).send(post(1), block, block, block, block, raw(DATA, 0, 1, "00"));
  expect(await client.fault(1)).toBe(ERROR.FLOW_CONTROL_ERROR);
  const of = (stream: number) => raw(DATA, 0, stream, Buffer.alloc(16384));
  client.send(post(3), of(3), of(3), of(3), of(3), post(5), of(5), of(5), of(5), of(5), post(7), of(7));
  expect(await client.fault(0)).toBe(ERROR.FLOW_CONTROL_ERROR);
  await client.closed();
  await paused.stop(0);
});

test("windows are returned for read data, and not for waiting data", async () => {
  const client = open().send(never(1));
  for (let i = 0; i < 10; i++) {
    client.send(raw(DATA, PADDED, 1, Buffer.concat([Buffer.from([200]), Buffer.alloc(16200)])));
    if (i % 2 === 1) expect(await client.alive()).toBe(true);
  }
  const given = (stream: number): number =>
    client.frames
      .filter(frame => frame.type === WINDOW && frame.stream === stream)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  // All but less than half a window.
  expect(162_010 - given(1)).toBeLessThan(2 ** 15);
  expect(162_010 + 2 ** 16 + 1 - given(0)).toBeLessThan(2 ** 16);
  expect(client.frames.filter(({ type }) => type === WINDOW).length).toBeLessThan(10);
  client.close();
});

test("answers keep to the windows that the client grants, and go on with them", async () => {
  const client = open();
  const body = Buffer.alloc(10_000, 1);
  const sent = (stream?: number): number =>
    client.frames
      .filter(({ type, stream: of }) => type === DATA && (stream ?? of) === of)
      .reduce((sum, { payload }) => sum + payload.length, 0);
  for (let i = 0; i < 10; i++) client.send(post(2 * i + 1), raw(DATA, END, 2 * i + 1, body));
  expect(await client.alive()).toBe(true);
  expect(sent()).toBe(65535);
  // One that is given up while it waits: nothing more is said of it.
  client.send(raw(RST, 0, 19, "00000008"), raw(WINDOW, 0, 0, "00100000"));
  await client.next(({ type, stream, flags }) => type === HEADERS && stream === 17 && flags === 5);
  expect(await client.alive()).toBe(true);
  expect([sent(), sent(19)]).toEqual([90_000, 0]);
  expect(client.frames.some(({ stream, flags }) => stream === 19 && flags === 5)).toBe(false);
  client.send(raw(SETTINGS, 0, 0, setting(4, 5)), post(21), raw(DATA, END, 21, body));
  expect(await client.alive()).toBe(true);
  expect(sent(21)).toBe(5);
  client.send(raw(WINDOW, 0, 21, "00000007"));
  expect(await client.alive()).toBe(true);
  expect(sent(21)).toBe(12);
  client.send(raw(SETTINGS, 0, 0, setting(4, 20_000)));
  await client.next(({ type, stream, flags }) => type === HEADERS && stream === 21 && flags === 5);
  expect(sent(21)).toBe(10_000);
  client.close();
});

test("a client of Python's h2 is served", async () => {
  const { client: hex } = JSON.parse(
    readFileSync(new URL("../../../../fixtures/http2/frames.json", import.meta.url), "utf8"),
  );
  const client = new RawClient(server.port, Buffer.from(hex, "hex"));
  for (const stream of [1, 3]) {
    const data = await client.next(frame => frame.type === DATA && frame.stream === stream);
    expect(data?.payload.toString()).toBe(`first of ${stream}`);
    expect(
      await client.next(frame => frame.stream === stream && frame.type === HEADERS && frame.flags === 5),
    ).toBeDefined();
  }
  client.close();
});

test("a client whose table is small is informed once that ours is not used", async () => {
  const client = open().send(
    raw(SETTINGS, 0, 0, setting(1, 0)),
    post(1, END | END_HEADERS),
    post(3, END | END_HEADERS),
  );
  const head = async (stream: number) =>
    (await client.next(one => one.type === HEADERS && one.stream === stream))!.payload;
  expect((await head(1)).subarray(0, 2)).toEqual(Buffer.from([0x20, 0x88]));
  expect((await head(3))[0]).toBe(0x88);
  client.close();
});

test("heads of the same bytes are read once, until the table changes", async () => {
  const before = server.seen.heads;
  const client = open();
  for (let i = 0; i < 5; i++) client.send(post(1 + 2 * i, END | END_HEADERS));
  await client.next(({ type, stream }) => type === HEADERS && stream === 9);
  expect(server.seen.heads - before).toBe(1);
  // The same index, another value: what is remembered must not be taken.
  const path = (stream: number, value: string) => raw(HEADERS, END | END_HEADERS, stream, `83 86 44 ${text(value)}`);
  const last = (stream: number) => raw(HEADERS, END | END_HEADERS, stream, "83 86 be");
  client.send(path(11, "/one"), last(13), last(15), path(17, "/two"), last(19));
  await client.next(({ type, stream }) => type === HEADERS && stream === 19);
  expect(server.seen.opened.slice(-5)).toEqual(["/one", "/one", "/one", "/two", "/two"]);
  client.close();
});
