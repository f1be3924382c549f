/**
 * Clients of a whole server that stop reading (tests/runtime/server/transport/http2/stalls.test.ts has the rules for gRPC's connections):
 * the time is the server's option.
 */
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encode } from "#triton-protos/proto-root.js";
import { INFER } from "../../../reliability/support.js";
import { elapse } from "../../../run/wait.js";
import { repository, startServer } from "../support.js";

const STALL_SECONDS = 0.6;
/** FP32 of 32 MB: more than the buffers of two sockets hold. */
const LARGE = 2 ** 23;

const config = (name: string, parameter = ""): string => `name: "${name}" backend: "identity"
input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ] ${parameter}`;
const delay = `parameters { key: "execute_delay_ms" value { string_value: "${3000 * STALL_SECONDS}" } }`;

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  const files = {
    "any/config.pbtxt": config("any"),
    "any/1/.keep": "",
    "slow/config.pbtxt": config("slow", delay),
    "slow/1/.keep": "",
  };
  server = await startServer(repository([], files), { stallTimeoutSeconds: STALL_SECONDS });
});
afterAll(() => server.stop());

/** A socket that has requested a number of floats, in the binary form, and reads nothing yet. */
function ask(model: string, size: number): Socket {
  const head = JSON.stringify({
    inputs: [{ name: "INPUT0", datatype: "FP32", shape: [size], parameters: { binary_data_size: 4 * size } }],
    parameters: { binary_data_output: true },
  });
  const socket = connect(server.ports.http!, "127.0.0.1").on("error", () => {});
  socket.pause();
  socket.write(
    `POST /v2/models/${model}/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nInference-Header-Content-Length: ${head.length}\r\nContent-Length: ${head.length + 4 * size}\r\n\r\n${head}`,
  );
  socket.write(Buffer.alloc(4 * size));
  return socket;
}

/** Bytes until the connection ends, with a pause after each chunk. */
function readAll(socket: Socket, rest = 0): Promise<number> {
  let bytes = 0;
  socket.on("data", chunk => {
    bytes += chunk.length;
    if (rest === 0) return;
    socket.pause();
    setTimeout(() => socket.resume(), rest);
  });
  socket.resume();
  return new Promise(resolve => socket.on("close", () => resolve(bytes)));
}

// Only Linux reports the bytes that wait in a socket.
test.runIf(process.platform === "linux")("HTTP: a client that reads nothing of a large answer is cut off", async () => {
  const socket = ask("any", LARGE);
  await elapse(4000 * STALL_SECONDS);
  expect(await readAll(socket)).toBeLessThan(4 * LARGE);
});

test("HTTP: one that reads slowly gets all of it", async () => {
  expect(await readAll(ask("any", LARGE), 4)).toBeGreaterThan(4 * LARGE);
});

test("HTTP: one that waits for its answer is waited for", async () => {
  expect(await readAll(ask("slow", 4))).toBeGreaterThan(16);
});

test("gRPC: a call whose client reads nothing is reset, and calls beside it are answered", async () => {
  const session = connectHttp2(`http://127.0.0.1:${server.ports.grpc}`);
  const call = (size: number) => {
    const message = encode("inference.ModelInferRequest", {
      model_name: "any",
      inputs: [{ name: "INPUT0", datatype: "FP32", shape: [size] }],
      raw_input_contents: [new Uint8Array(4 * size)],
    });
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    const stream = session.request({
      ":method": "POST",
      ":path": INFER,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.end(Buffer.concat([prefix, message]));
    return stream;
  };
  const stalled = call(2 ** 18).on("error", () => {});
  const reset = new Promise<number | undefined>(resolve => stalled.on("close", () => resolve(stalled.rstCode)));
  await elapse(500 * STALL_SECONDS);
  let bytes = 0;
  for await (const chunk of call(4)) bytes += (chunk as Buffer).length;
  expect(bytes).toBeGreaterThan(16);
  expect(await reset).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  session.close();
});
