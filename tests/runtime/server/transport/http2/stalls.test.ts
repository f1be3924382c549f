/**
 * Clients that stop reading their responses are disconnected in time. Slow readers and waiting clients are left alone.
 */
import { connect } from "node:http2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ERROR } from "#runtime/server/transport/http2/errors.js";
import { elapse } from "../../../../run/wait.js";
import {
  DATA,
  END,
  END_HEADERS,
  eventually,
  GREETING,
  HEADERS,
  OK,
  RawClient,
  RST,
  raw,
  SETTINGS,
  start,
  WELL,
  WINDOW,
  zeros,
} from "./support.js";

const STALL_MS = 600;
/** More than the buffers of two sockets hold. */
const LARGE = 2 ** 25;
const SMALL = 2 ** 18;

let server: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  server = await start(
    {
      "/large": zeros(LARGE),
      "/small": zeros(SMALL),
      "/late": stream => {
        setTimeout(() => stream.answer(OK, [Buffer.from("at last")], WELL), 3 * STALL_MS);
      },
    },
    { limits: { stallTime: STALL_MS } },
  );
});
afterAll(() => server.stop(0));

const LARGE_HEAD = "83 86 04 06 2f6c61726765";
const SMALL_HEAD = "83 86 04 06 2f736d616c6c";
const closed = (path: string): number => server.seen.closed.filter(one => one === path).length;

test("a stream whose client grants no window is reset, and the others of its connection go on", async () => {
  const client = new RawClient(server.port).send(raw(HEADERS, END | END_HEADERS, 1, SMALL_HEAD));
  expect(await client.fault(1)).toBe(ERROR.ENHANCE_YOUR_CALM);
  const got = client.frames.filter(({ type }) => type === DATA).reduce((sum, { payload }) => sum + payload.length, 0);
  expect(got).toBe(2 ** 16 - 1);
  client.send(raw(WINDOW, 0, 0, "00010000"), raw(HEADERS, END_HEADERS, 3, "83 86 84"), raw(DATA, END, 3, "07"));
  expect((await client.next(({ type, stream }) => type === DATA && stream === 3))?.payload).toEqual(Buffer.from([7]));
  client.close();
});

test("a connection without window gives up the answers of all its streams", async () => {
  const before = closed("/small");
  // Streams have the largest window.
  const greeting = Buffer.concat([GREETING.subarray(0, 24), raw(SETTINGS, 0, 0, "0004 7fffffff")]);
  const client = new RawClient(server.port, greeting).send(
    ...[1, 3, 5].map(id => raw(HEADERS, END | END_HEADERS, id, SMALL_HEAD)),
  );
  await eventually(() => client.frames.filter(({ type }) => type === RST).map(({ stream }) => stream)).toEqual([
    1, 3, 5,
  ]);
  expect(closed("/small")).toBe(before + 3);
  client.close();
});

test("a client that grants a little now and then gets everything", async () => {
  const client = new RawClient(server.port).send(raw(HEADERS, END | END_HEADERS, 1, SMALL_HEAD));
  const grant = setInterval(
    () => client.send(raw(WINDOW, 0, 0, "00008000"), raw(WINDOW, 0, 1, "00008000")),
    STALL_MS / 2,
  );
  const trailers = await client.next(({ type, flags }) => type === HEADERS && (flags & END) !== 0);
  clearInterval(grant);
  expect(trailers).toBeDefined();
  const got = client.frames.filter(({ type }) => type === DATA).reduce((sum, { payload }) => sum + payload.length, 0);
  expect(got).toBe(SMALL);
  client.close();
});

test("a call that has nothing to send yet is waited for", async () => {
  const session = connect(server.url);
  const call = session.request({ ":path": "/late", ":method": "POST" });
  let text = "";
  for await (const chunk of call.setEncoding("utf8")) text += chunk;
  expect(text).toBe("at last");
  session.close();
});

// Only Linux reports the bytes that wait in a socket.
const onLinux = test.runIf(process.platform === "linux");
const WIDE = Buffer.concat([
  GREETING.subarray(0, 24),
  raw(SETTINGS, 0, 0, "0004 7fffffff"),
  raw(WINDOW, 0, 0, "7fff0000"),
]);

/** The number of connections that were ended as unread. Others may end meanwhile. */
const stalled = (): number =>
  server.seen.faults.filter(fault => fault?.message.includes("the client has read nothing for 0.6 s")).length;

onLinux("a socket from which nothing is read is closed", async () => {
  const before = closed("/large");
  const stalledBefore = stalled();
  const client = new RawClient(server.port, WIDE).send(raw(HEADERS, END | END_HEADERS, 1, LARGE_HEAD));
  client.stopReading();
  await eventually(() => closed("/large")).toBe(before + 1);
  await eventually(stalled).toBe(stalledBefore + 1);
  client.close();
});

onLinux("a socket from which a little is read now and then is not", async () => {
  const before = stalled();
  const client = new RawClient(server.port, WIDE).send(raw(HEADERS, END | END_HEADERS, 1, LARGE_HEAD));
  client.stopReading();
  let pause: NodeJS.Timeout | undefined;
  const read = setInterval(() => {
    client.readAgain();
    pause = setTimeout(() => client.stopReading(), 2);
  }, STALL_MS / 3);
  await elapse(5 * STALL_MS);
  expect(stalled()).toBe(before);
  expect(client.ended).toBe(false);
  clearInterval(read);
  clearTimeout(pause);
  client.readAgain();
  expect(await client.next(({ type, flags }) => type === HEADERS && (flags & END) !== 0)).toBeDefined();
  client.close();
});
