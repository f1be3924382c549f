/**
 * The server's memory budget: gRPC requests are charged to it while they are received, unpacked and served, and give everything back exactly once.
 */
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { deflateSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { elapse } from "../run/wait.js";
import { repository, startServer } from "../runtime/server/support.js";
import { eventually } from "../runtime/server/transport/http2/support.js";
import { call, field, INFER, inferRequest, tensor } from "./support/grpc-call.js";
import { startMetered } from "./support/meter.js";

const MIB = 2 ** 20;
const STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer";
const RESOURCE_EXHAUSTED = 8;
const LIMIT = 64 * MIB;

let budget: MemoryBudget;
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  // The server makes one budget, and its first account is opened while it starts.
  const spy = vi.spyOn(MemoryBudget.prototype, "open").mockImplementation(function (this: MemoryBudget) {
    budget = this;
    spy.mockRestore();
    return this.open();
  });
  const config = `name: "any" backend: "identity" max_batch_size: 0
    input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [-1] } ] output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [-1] } ]`;
  server = await startServer(repository(["echo_int32"], { "any/config.pbtxt": config, "any/1/keep": "" }), {
    workers: 1,
    memoryLimit: LIMIT,
  });
  // The tests' own process is large.
  vi.spyOn(process.memoryUsage, "rss").mockReturnValue(0);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await server.stop();
});
afterEach(() => eventually(() => budget.charged).toBe(0));

const request = (bytes: number): Buffer =>
  inferRequest("any", [tensor("FP32", [bytes / 4])], [field(7, Buffer.alloc(bytes, "0123456789abcdef"))]);
const framed = (message: Buffer, compressed = false): Buffer => {
  const head = Buffer.alloc(5);
  head[0] = Number(compressed);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

function open(): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${server.ports.grpc}`);
  session.on("error", () => {});
  return session;
}

const HEAD = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };

test("a message is charged as it arrives, and released when its client leaves", async () => {
  const session = open();
  const stream = session.request({ ...HEAD, ":path": INFER });
  stream.on("error", () => {});
  stream.write(framed(request(MIB)).subarray(0, 600_000));
  await eventually(() => budget.charged).toBeGreaterThanOrEqual(600_000);
  expect(budget.charged).toBeLessThan(700_000);
  session.destroy();
});

test("a stream's message is charged until it is answered", async () => {
  const session = open();
  const stream = session.request({ ...HEAD, ":path": STREAM_INFER });
  stream.on("error", () => {}).resume();
  stream.write(framed(request(MIB)));
  stream.write(framed(request(MIB)).subarray(0, 300_000));
  await eventually(() => Math.floor(budget.charged / 100_000)).toBe(3);
  session.destroy();
});

test("requests are refused while the memory is spent, and health checks are not", async () => {
  const held = budget.open();
  held.force(LIMIT);
  const { grpc } = server.ports;
  expect(await call(grpc!, request(64))).toMatchObject({
    code: RESOURCE_EXHAUSTED,
    message: expect.stringContaining("the server's memory limit of 64 MiB is reached"),
  });
  expect(await call(grpc!, request(64), { path: STREAM_INFER })).toMatchObject({ code: RESOURCE_EXHAUSTED });
  expect(await call(grpc!, Buffer.alloc(0), { path: "/inference.GRPCInferenceService/ServerLive" })).toMatchObject({
    code: 0,
  });
  held.release();
  expect(await call(grpc!, request(64))).toMatchObject({ code: 0 });
});

test("a message that does not fit any more is refused before it is there", async () => {
  const held = budget.open();
  held.force(LIMIT * 0.9 - 2 * MIB);
  expect(await call(server.ports.grpc!, request(8 * MIB))).toMatchObject({ code: RESOURCE_EXHAUSTED });
  expect(await call(server.ports.grpc!, request(MIB / 2))).toMatchObject({ code: 0 });
  held.release();
});

test("unpacked bytes are charged, and refused when the memory is spent", async () => {
  const held = budget.open();
  held.force(LIMIT * 0.9 - 2 * MIB);
  const noise = Buffer.from(Array.from({ length: MIB / 2 }, (_, i) => (i * i * 31 + (i >> 3)) & 255));
  const plain = inferRequest(
    "any",
    [tensor("FP32", [MIB])],
    [field(7, Buffer.concat(Array.from({ length: 8 }, () => noise)))],
  );
  const packed = gzipSync(plain);
  expect(await call(server.ports.grpc!, packed, { encoding: "gzip" })).toMatchObject({ code: RESOURCE_EXHAUSTED });
  held.release();
});

test("random requests, cancels, deadlines and disconnects leave nothing charged", { timeout: 120_000 }, async () => {
  let state = 11;
  const chance = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const plain = request(200_000);
  const messages = [
    framed(request(64)),
    framed(plain),
    framed(gzipSync(plain), true),
    framed(deflateSync(plain), true),
    framed(gzipSync(Buffer.alloc(2 * MIB)), true),
    framed(Buffer.from("not a message")),
    framed(Buffer.from("not compressed"), true),
    framed(inferRequest("any", [tensor("FP32", [75_000]), field(5, field(6, Buffer.alloc(300_000)))])),
    Buffer.from([0, 0xff, 0xff, 0xff, 0xff]),
  ];
  for (let round = 0; round < 15; round++) {
    const session = open();
    const streams = Array.from({ length: 20 }, () => {
      const stream = session.request({
        ...HEAD,
        ":path": chance(3) ? INFER : STREAM_INFER,
        "grpc-encoding": chance(2) ? "gzip" : "deflate",
        ...(chance(6) === 0 && { "grpc-timeout": `${1 + chance(20)}m` }),
      });
      stream.on("error", () => {});
      if (chance(5)) stream.resume();
      const message = messages[chance(messages.length)]!;
      const part = chance(4) ? message : message.subarray(0, chance(message.length));
      stream.write(part);
      if (chance(3)) stream.end();
      if (chance(4) === 0) setTimeout(() => stream.close(8), chance(10));
      return stream;
    });
    await Promise.race([Promise.all(streams.map(stream => once(stream, "close"))), elapse(10 + chance(40))]);
    session.destroy();
  }
});

test("unread responses take no more than the memory limit", { timeout: 120_000 }, async () => {
  const target = await startMetered({
    files: { "any/config.pbtxt": CONFIG, "any/1/keep": "" },
    options: { memoryLimit: 320 * MIB },
  });
  const body = framed(request(2 * MIB));
  const { peakMb } = await target.measure(async () => {
    const sessions = Array.from({ length: 4 }, () => {
      const session = connect(`http://127.0.0.1:${target.ports.grpc}`, { settings: { initialWindowSize: 0 } });
      session.on("error", () => {});
      return session;
    });
    // 400 MiB of responses.
    for (let i = 0; i < 200; i++) {
      const stream = sessions[i % 4]!.request({ ...HEAD, ":path": INFER });
      stream.on("error", () => {});
      stream.end(body);
      if (i % 8 === 7) await Promise.race([once(stream, "response"), once(stream, "close"), elapse(1000)]);
    }
    await elapse(500);
    // Others are served meanwhile or as soon as the readers are cut.
    await expect
      .poll(async () => (await call(target.ports.grpc, request(64))).code, { timeout: 20_000, interval: 100 })
      .toBe(0);
    for (const session of sessions) session.destroy();
  });
  await target.stop();
  expect(peakMb).toBeLessThan(300);
});

const CONFIG = `name: "any" backend: "identity" max_batch_size: 0
  input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [-1] } ] output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [-1] } ]`;
