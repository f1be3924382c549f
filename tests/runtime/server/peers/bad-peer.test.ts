/**
 * Another worker that misbehaves: it has another token, sends damaged or unexpected frames, reads nothing, or is silent. Requests fail with a reason
 * or run here, and none waits without end.
 */
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { encodeHello, encodeRequest, encodeResponse, encodeSign } from "#runtime/server/peers/codec.js";
import { readFrames } from "#runtime/server/peers/frame-reader.js";
import { FRAME, type FrameHeader } from "#runtime/server/peers/frames.js";
import type { PeerOptions } from "#runtime/server/peers/options.js";
import { repository, startServer } from "../support.js";
import { socketFolder, TOKEN, type Worker } from "./linked.js";

const tensor = (name: string): string => `{ name: "${name}" data_type: TYPE_UINT8 dims: [-1] }`;
const config = (name: string, rest: string): string =>
  `name: "${name}" backend: "identity" max_batch_size: 1 input [ ${tensor("INPUT0")} ] output [ ${tensor("OUTPUT0")} ] ${rest}`;
const queue = "dynamic_batching { default_queue_policy { max_queue_size: 1000 } }";
/** Some of these have their home at either worker. */
const QUEUES = Array.from({ length: 6 }, (_, i) => `queue${i}`);
const models = repository(
  [],
  Object.fromEntries(
    [["echo", ""], ...QUEUES.map(name => [name, queue])].flatMap(([name, rest]) => [
      [`${name}/config.pbtxt`, config(name!, rest!)],
      [`${name}/1/.keep`, ""],
    ]),
  ),
);

let worker: Worker;
let other: Server;
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise(resolve => other.close(resolve));
  await worker.stop();
});

type OnRequest = (socket: Socket, header: FrameHeader) => void;

/** Worker 0, and a server of the test in the place of worker 1. */
async function start(onRequest: OnRequest, peers: Partial<PeerOptions> = {}, hello: object = {}): Promise<void> {
  const folder = socketFolder();
  other = createServer(socket => {
    sockets.add(socket);
    socket.on("error", () => {});
    const take = readFrames({
      room: ({ length }) => Buffer.alloc(length),
      frame: header => {
        if (header.type === FRAME.request) onRequest(socket, header);
      },
    });
    socket.on("data", (chunk: Buffer) => take(chunk));
    socket.write(Buffer.concat(encodeHello({ self: 1, count: 2, token: TOKEN, ...hello })));
  });
  await new Promise<void>(resolve => other.listen({ path: join(folder, "1.sock") }, resolve));
  worker = await startServer(models, {
    peers: { self: 0, count: 2, folder, token: TOKEN, balance: "always", ...peers },
  });
}
const ask = async (model: string, bytes = 2) => {
  const { status, body } = await worker.post(`/v2/models/${model}/infer`, {
    inputs: [{ name: "INPUT0", datatype: "UINT8", shape: [1, bytes], data: new Array(bytes).fill(7) }],
  });
  return { status, error: (body as { error?: string }).error };
};
const linked = (): Promise<void> => vi.waitFor(() => expect(worker.peers!.linked).toEqual([1]), 5000);
const failed = (happened: string) => ({
  status: 503,
  error: `worker 1 of this server, which ran the request, ${happened}; send the request again`,
});

const response = { model: "echo", version: 1, id: "", parameters: [], outputs: [] };

describe("another worker", () => {
  test("that has another token, number or server is not used", async () => {
    await start(() => {}, {}, { token: "another token of 32 characters.." });
    await vi.waitFor(() => expect(sockets.size).toBeGreaterThan(1), 5000);
    expect(worker.peers!.linked).toEqual([]);
    expect(await ask("echo")).toEqual({ status: 200, error: undefined });
  });

  test.each<[string, OnRequest, string]>([
    ["closes", socket => void socket.destroy(), "ended before it responded"],
    ["sends bytes that are no frame", socket => void socket.write(Buffer.alloc(64)), "sent bytes that are not a frame"],
    [
      "sends a damaged response",
      (socket, { id }) => {
        const [frame] = encodeResponse(response, id, 0, true);
        const damaged = Buffer.from(frame!);
        damaged.writeUInt32LE(2 ** 31, 17);
        socket.write(damaged);
      },
      "sent a head ends within a field",
    ],
    [
      "sends a request back",
      (socket, { id }) => {
        const request = { id: "", generation: "", pins: [], many: false, parameters: new Map(), inputs: [] };
        socket.write(Buffer.concat(encodeRequest({ ...request, outputs: [] }, id, 0)));
      },
      "sent a frame of type 2, which only a caller sends",
    ],
  ])("that %s fails the request, and is dialed again", async (_, onRequest, happened) => {
    await start(onRequest);
    await linked();
    expect(await ask("echo")).toEqual(failed(happened));
    expect(worker.peers!.counts.lost).toBe(1);
    await linked();
  });

  test("that answers requests which were not sent changes nothing", async () => {
    await start((socket, { id }) => {
      for (const one of [id + 1, id + 1000, 0])
        socket.write(Buffer.concat(encodeResponse({ ...response, id: "wrong" }, one, 0, true)));
      socket.write(Buffer.concat(encodeSign(FRAME.absent, id, 0)));
    });
    await linked();
    expect(await ask("echo")).toEqual({ status: 200, error: undefined });
    expect(worker.peers!.counts).toMatchObject({ balanced: 1, lost: 0 });
  });

  test("that lacks the version runs nothing: requests with their home there fail, and others run here", async () => {
    await start((socket, { id }) => void socket.write(Buffer.concat(encodeSign(FRAME.absent, id, 0))));
    await linked();
    expect((await ask("echo")).status).toBe(200);
    const answers = await Promise.all(QUEUES.map(name => ask(name)));
    const away = answers.filter(({ status }) => status !== 200);
    expect(away.length).toBeGreaterThan(0);
    expect(away.length).toBeLessThan(QUEUES.length);
    for (const { status, error } of away) {
      expect(status).toBe(503);
      expect(error).toMatch(/^version 1 of model 'queue\d' is not ready at worker 1, which has the state/);
    }
  });

  test("that is silent fails its requests after the time of silence", async () => {
    await start(() => {}, { silenceMs: 400 });
    await linked();
    const began = performance.now();
    expect(await ask("echo")).toEqual(failed("did not respond for 0.4 s"));
    expect(performance.now() - began).toBeGreaterThan(390);
  });

  test("that reads nothing gets a bounded number of bytes", async () => {
    await start(() => {}, { silenceMs: 60_000 });
    await linked();
    for (const socket of sockets) socket.pause();
    const bytes = 2 ** 21;
    const big = (model: string): Promise<Response> =>
      fetch(`${worker.http}/v2/models/${model}/infer`, {
        method: "POST",
        headers: { "Inference-Header-Content-Length": String(HEAD.length) },
        body: Buffer.concat([HEAD, Buffer.alloc(bytes)]),
      });
    const HEAD = Buffer.from(
      JSON.stringify({
        parameters: { binary_data_output: true },
        inputs: [{ name: "INPUT0", datatype: "UINT8", shape: [1, bytes], parameters: { binary_data_size: bytes } }],
      }),
    );
    const statuses: number[] = [];
    const errors: string[] = [];
    const note = async (answer: Promise<Response>): Promise<void> => {
      const { status, text } = await answer.then(async one => ({ status: one.status, text: await one.text() }));
      statuses.push(status);
      if (status !== 200) errors.push(text);
    };
    // Requests without a home are forwarded up to 16 MiB, and then run here.
    const first = Array.from({ length: 14 }, () => note(big("echo")).catch(() => {}));
    await vi.waitFor(() => expect(statuses.filter(status => status === 200).length).toBeGreaterThan(4), 10_000);
    expect(errors).toEqual([]);
    // Requests with their home there are forwarded up to 64 MiB, and then fail.
    const rest = Array.from({ length: 90 }, (_, i) => note(big(QUEUES[i % 6]!)).catch(() => {}));
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0), 20_000);
    for (const error of errors)
      expect(error).toContain("worker 1 of this server has 64 MiB of requests that it has not read");
    other.close();
    for (const socket of sockets) socket.destroy();
    await Promise.all([...first, ...rest]);
    expect(statuses.length).toBe(104);
  });
});
