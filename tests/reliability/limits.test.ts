/**
 * Bounds of a connection: what HTTP/2 and HTTP/1 let a client do to a server ends with its connection, and leaves the others alone.
 */
import { connect as connectHttp2, constants } from "node:http2";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository } from "../runtime/server/support.js";
import { INFER, residentAfter, startTarget, type Target } from "./support.js";

let target: Target;
beforeAll(async () => {
  target = await startTarget(repository(["echo_int32"]));
});
afterAll(() => target.stop());

const open = () => {
  const session = connectHttp2(`http://127.0.0.1:${target.ports.grpc}`);
  session.on("error", () => {});
  return session;
};
const CALL = { ":method": "POST", ":path": INFER, "content-type": "application/grpc", te: "trailers" };

test("streams that are opened and never fed are bounded for each connection", async () => {
  const session = open();
  const settings = await new Promise<{ maxConcurrentStreams?: number; maxHeaderListSize?: number }>(resolve =>
    session.once("remoteSettings", resolve),
  );
  expect(settings.maxConcurrentStreams).toBeLessThanOrEqual(1024);
  expect(settings.maxHeaderListSize).toBeLessThanOrEqual(2 ** 16);
  const grown = await residentAfter(async () => {
    for (let i = 0; i < 10_000; i++) session.request(CALL).on("error", () => {});
    // The server has read all of it when it answers a ping that was sent after it.
    await new Promise(resolve => session.ping(resolve));
    await target.alive();
  });
  expect(grown).toBeLessThan(150);
  session.destroy();
  await target.alive();
});

test("streams that are opened and reset at once do not keep the server from others", async () => {
  const session = open();
  for (let i = 0; i < 20_000 && !session.destroyed; i++) {
    const stream = session.request(CALL);
    stream.on("error", () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    if (i % 500 === 0) await new Promise(resolve => setImmediate(resolve));
  }
  await target.alive();
  session.destroy();
  await target.alive();
});

test("too many headers, and headers that are too large, end the call", async () => {
  const ended = (headers: Record<string, string>): Promise<boolean> =>
    new Promise(resolve => {
      const session = open();
      const stream = session.request({ ...CALL, ...headers });
      let answered = false;
      stream.on("response", () => {
        answered = true;
      });
      stream.on("error", () => {});
      stream.on("close", () => {
        session.destroy();
        resolve(!answered);
      });
      stream.resume();
      stream.end();
    });
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-${i}`, "v"]));
  expect(await ended(many)).toBe(true);
  expect(await ended({ "x-large": "v".repeat(80_000) })).toBe(true);
  await target.alive();
});

/** Raw HTTP/2 frames after the preface; resolves when the server ends the connection, or after a while. */
const flood = (frames: Buffer): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(target.ports.grpc!, "127.0.0.1");
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(false);
    }, 3000);
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(true);
    });
    socket.resume();
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    socket.write(frame(4, 0, 0, Buffer.alloc(0)));
    socket.write(frames);
  });
const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

test("floods of CONTINUATION, PING, SETTINGS and window updates end their connection, not the server", async () => {
  const repeat = (one: Buffer, count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => one));
  const headers = frame(1, 0, 1, Buffer.from([0x82]));
  const overflow = Buffer.alloc(4);
  overflow.writeUInt32BE(2 ** 31 - 1);
  expect(await flood(Buffer.concat([headers, repeat(frame(9, 0, 1, Buffer.alloc(1, 0x82)), 100_000)]))).toBe(true);
  await flood(repeat(frame(6, 0, 0, Buffer.alloc(8)), 100_000));
  await flood(repeat(frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0xff, 0xff])), 100_000));
  expect(await flood(repeat(frame(8, 0, 0, overflow), 10))).toBe(true);
  // A first stream that depends on itself, and a frame longer than was agreed.
  await flood(frame(2, 0, 1, Buffer.from([0, 0, 0, 1, 16])));
  expect(await flood(frame(0, 0, 1, Buffer.alloc(2 ** 20)))).toBe(true);
  await target.alive();
});

test("two lengths, a length and chunks, and odd spellings of them are refused", async () => {
  const first = (headers: string): Promise<string> =>
    new Promise(resolve => {
      let said = "";
      const socket = connect(target.ports.http!, "127.0.0.1", () => {
        socket.end(`POST /v2/models/echo_int32/infer HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`);
      });
      socket.on("data", chunk => {
        said += chunk.toString("latin1");
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(said.split("\r\n")[0]!));
    });
  for (const headers of [
    "Content-Length: 4\r\nTransfer-Encoding: chunked",
    "Content-Length: 4\r\nContent-Length: 5",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: xchunked",
    "Content-Length: +4",
    "Content-Length: 0x4",
    " Content-Length: 4",
    "Content-Length : 4",
  ])
    expect(await first(headers), headers).toBe("HTTP/1.1 400 Bad Request");
  await target.alive();
});
