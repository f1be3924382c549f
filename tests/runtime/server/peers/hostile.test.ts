/**
 * A worker's Unix socket: strangers, damaged and huge frames, workers that do not read. Each is refused within bounds, and the requests of others
 * go on.
 */
import { chmodSync, statSync, symlinkSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ModelName } from "#contract/files/model-name.js";
import { serve } from "#runtime/server/index.js";
import { AT_ONCE } from "#runtime/server/models/disk.js";
import { generationOf } from "#runtime/server/models/generations.js";
import { pollModel } from "#runtime/server/models/poll-model.js";
import { encodeHello, encodeRequest, encodeSign } from "#runtime/server/peers/codec.js";
import { readFrames } from "#runtime/server/peers/frame-reader.js";
import { FRAME, type FrameHeader, HEADER } from "#runtime/server/peers/frames.js";
import { repository, startServer } from "../support.js";
import { socketFolder, TOKEN, type Worker } from "./linked.js";

const models = repository([], {
  "echo/config.pbtxt": `name: "echo" backend: "identity"
    input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [-1] } ] output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [-1] } ]`,
  "echo/1/.keep": "",
});

let folder: string;
let worker: Worker;
const polled = await pollModel("echo" as ModelName, { repositories: [models], disk: AT_ONCE });
const generation = generationOf(polled, "", 1);
const sockets: Socket[] = [];
beforeEach(async () => {
  folder = socketFolder();
  worker = await start(2 ** 30);
});
const start = (memoryLimit: number): Promise<Worker> =>
  startServer(models, { peers: { self: 0, count: 2, folder, token: TOKEN }, memoryLimit });
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await worker.stop();
});

/** A connection to the worker, and the frames that it sends back. */
function dial() {
  const socket = connect({ path: join(folder, "0.sock") });
  sockets.push(socket);
  socket.on("error", () => {});
  const frames: FrameHeader[] = [];
  const take = readFrames({ room: ({ length }) => Buffer.alloc(length), frame: header => frames.push(header) });
  socket.on("data", (chunk: Buffer) => take(chunk));
  let closed = false;
  socket.once("close", () => (closed = true));
  return { socket, frames, untilClosed: () => vi.waitFor(() => expect(closed).toBe(true), 10_000) };
}
const hello = (changed: Partial<Parameters<typeof encodeHello>[0]> = {}): Buffer =>
  Buffer.concat(encodeHello({ self: 1, count: 2, token: TOKEN, ...changed }));
const request = (bytes: number, id: number): Buffer =>
  Buffer.concat(
    encodeRequest(
      {
        ...{ generation, pins: [], many: false, id: "", parameters: new Map(), outputs: [] },
        inputs: [{ name: "INPUT0", datatype: "UINT8", shape: [bytes], data: new Uint8Array(bytes) }],
      },
      id,
      0,
    ),
  );
const stillServes = async (): Promise<void> => {
  const { status } = await worker.post("/v2/models/echo/infer", {
    inputs: [{ name: "INPUT0", datatype: "UINT8", shape: [2], data: [1, 2] }],
  });
  expect(status).toBe(200);
};

describe("who may connect", () => {
  test.each([
    ["another token", hello({ token: "a token of the tests, 32 lettersX" })],
    ["a token that begins right", hello({ token: TOKEN.slice(0, -1) })],
    ["the hello of this worker itself", hello({ self: 0 })],
    ["the hello of a server of 3", hello({ count: 3 })],
    ["the hello of a worker that is not one", hello({ self: 9 })],
    ["a request without a hello", request(10, 1)],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n")],
    ["zeros", Buffer.alloc(100)],
    ["a hello that announces 2 GiB", Buffer.from([0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])],
  ])("%s is refused, and nothing is sent to it", async (_, bytes) => {
    const { socket, frames, untilClosed } = dial();
    socket.write(bytes);
    await untilClosed();
    expect(frames).toEqual([]);
    expect(worker.peers!.counts.received).toBe(0);
    expect(worker.log.join("")).toContain("a connection to worker 0's socket was closed: it sent ");
    await stillServes();
  });

  test("many bad connections are one line of the log", async () => {
    const bad = Array.from({ length: 10 }, dial);
    for (const { socket } of bad) socket.write("GET / HTTP/1.1\r\n\r\n");
    await Promise.all(bad.map(({ untilClosed }) => untilClosed()));
    expect(worker.log.filter(line => line.includes("socket was closed"))).toHaveLength(1);
  });

  test("a connection that says nothing is closed; no more than a few are open at a time", async () => {
    const silent = Array.from({ length: 40 }, dial);
    await Promise.all(silent.slice(30).map(({ untilClosed }) => untilClosed()));
    await Promise.all(silent.map(({ untilClosed }) => untilClosed()));
    expect(worker.log.join("")).toContain("it sent no hello");
    await stillServes();
  });

  test("the socket is for this user alone, and so must be its folder", async () => {
    expect(statSync(join(folder, "0.sock")).mode & 0o777).toBe(0o600);
    const open = socketFolder();
    chmodSync(open, 0o750);
    const link = join(folder, "link");
    symlinkSync(open, link);
    for (const path of [open, link])
      await expect(
        serve({
          ...{ modelRepositories: [models], http: false, grpc: false, metrics: false, writeLog: () => {} },
          peers: { self: 0, count: 2, folder: path, token: TOKEN },
        }),
      ).rejects.toThrow(`the folder of the workers' sockets, ${path}, can be entered by others`);
  });

  test.each([
    [{ token: "short" }, "the workers' token has 5 bytes; it takes 16 to 256"],
    [{ self: 2 }, "worker 2 is not one of 2: workers are numbered from 0"],
    [{ count: 0 }, "a server has 1 to 1024 workers, not 0"],
    [{ folder: `/tmp/${"x".repeat(100)}` }, "has a path of 105 bytes; the system takes 107 with the file name"],
  ])("options that do not fit, %j, are refused", async (wrong, message) => {
    await expect(
      serve({
        ...{ modelRepositories: [models], http: false, grpc: false, metrics: false, writeLog: () => {} },
        peers: { self: 0, count: 2, folder, token: TOKEN, ...wrong },
      }),
    ).rejects.toThrow(message);
  });
});

describe("what a linked worker may send", () => {
  const greet = async () => {
    const dialed = dial();
    dialed.socket.write(hello());
    await vi.waitFor(() => expect(dialed.frames.map(({ type }) => type)).toContain(FRAME.hello));
    return dialed;
  };

  test.each([
    ["a frame of 4 GiB", Buffer.from([255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0, FRAME.request, 0, 0, 0])],
    ["a frame of an unknown type", Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0])],
    ["a head longer than its frame", Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, FRAME.request, 0, 0, 0])],
    ["a request without its fields", Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, FRAME.request, 0, 0, 0])],
    ["a response", Buffer.concat(encodeSign(FRAME.end, 1, 0))],
    ["a second hello", hello()],
    ["two requests of one number", Buffer.concat([request(10, 7), request(10, 7)])],
  ])("%s ends the link", async (_, bytes) => {
    const { socket, untilClosed } = await greet();
    socket.write(bytes);
    await untilClosed();
    await stillServes();
  });

  test("a request beyond the memory limit is refused as it begins, its bytes are skipped, and the next one runs", async () => {
    const { socket, frames } = await greet();
    const length = 2 ** 30;
    const header = request(0, 5).subarray(0, HEADER);
    const large = Buffer.from(header);
    large.writeUInt32LE(length, 0);
    socket.write(large);
    const resident = process.memoryUsage.rss();
    const piece = Buffer.alloc(2 ** 24);
    for (let sent = 0; sent < length; sent += piece.length)
      if (!socket.write(piece)) await new Promise(resolve => socket.once("drain", resolve));
    socket.write(request(10, 6));
    await vi.waitFor(() => expect(frames.map(({ type, id }) => [type, id])).toContainEqual([FRAME.last, 6]), 20_000);
    expect(frames.map(({ type, id }) => [type, id])).toContainEqual([FRAME.fault, 5]);
    expect(process.memoryUsage.rss() - resident).toBeLessThan(2 ** 29);
  });

  test("one that reads no responses is cut off when 256 MiB wait, and their charge ends", async () => {
    await worker.stop();
    worker = await start(2 ** 33);
    const { socket, untilClosed } = await greet();
    socket.pause();
    const one = request(2 ** 23, 0);
    for (let id = 1; id < 50; id++) {
      const header = Buffer.from(one.subarray(0, HEADER));
      header.writeUInt32LE(id, 4);
      socket.write(header);
      socket.write(one.subarray(HEADER));
    }
    await vi.waitFor(() => expect(worker.log.join("")).toContain("it left 256 MiB of responses unread"), 20_000);
    socket.resume();
    await untilClosed();
    await vi.waitFor(async () => {
      const text = await (await fetch(`http://127.0.0.1:${worker.ports.metrics}/metrics`)).text();
      expect(Number(/^merlon_memory_charged_bytes (\S+)/m.exec(text)?.[1])).toBeLessThan(2 ** 20);
    }, 5000);
    await stillServes();
  });
});
