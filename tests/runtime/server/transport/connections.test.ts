/**
 * The effects of gRPC flags on connections: packed responses, pings of both sides, a greatest age, shared ports.
 */
import { connect, constants } from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { expect, test, vi } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { serve } from "#runtime/server/index.js";
import { messageType } from "#triton-protos/proto-root.js";
import { repository } from "../support.js";

const start = async (...words: string[]) => {
  const server = await serve({
    ...serveOptions([
      `--model-repository=${repository(["echo_int32"])}`,
      ...["--grpc-port=0", "--grpc-address=127.0.0.1", "--allow-http=false", "--allow-metrics=false"],
      ...words,
    ]),
    writeLog: () => {},
  });
  return { ...server, url: `http://127.0.0.1:${server.ports.grpc}` };
};

const request = messageType("inference.ModelInferRequest");
const bytes = Buffer.from(
  request
    .encode(
      request.fromObject({
        model_name: "echo_int32",
        inputs: [{ name: "INPUT0", datatype: "INT32", shape: [1, 4], contents: { int_contents: [1, 2, 3, 4] } }],
      }),
    )
    .finish(),
);

/** One call on the wire → the encoding of the answer and whether its frame says that it is packed. */
function infer(url: string, accepted: string): Promise<readonly [encoding: unknown, packed: number]> {
  const session = connect(url);
  const call = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
    "content-type": "application/grpc",
    te: "trailers",
    "grpc-accept-encoding": accepted,
  });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  call.end(Buffer.concat([head, bytes]));
  return new Promise((resolve, reject) => {
    let encoding: unknown;
    const chunks: Buffer[] = [];
    call.on("response", headers => {
      encoding = headers["grpc-encoding"];
    });
    call.on("data", (chunk: Buffer) => chunks.push(chunk));
    call.on("error", reject);
    call.on("end", () => {
      session.close();
      resolve([encoding, Buffer.concat(chunks)[0]!]);
    });
  });
}

test("responses are packed for clients that can unpack them", async () => {
  const server = await start("--grpc-infer-response-compression-level=low");
  const plain = await start();
  try {
    expect(await infer(server.url, "identity, deflate, gzip")).toEqual(["gzip", 1]);
    expect(await infer(server.url, "identity, deflate")).toEqual(["deflate", 1]);
    expect(await infer(server.url, "identity")).toEqual([undefined, 0]);
    expect(await infer(plain.url, "identity, deflate, gzip")).toEqual([undefined, 0]);
    const client = new grpc.Client(server.url.slice(7), grpc.credentials.createInsecure());
    const answer = await new Promise<Buffer>((resolve, reject) =>
      client.makeUnaryRequest(
        "/inference.GRPCInferenceService/ModelInfer",
        (value: Buffer) => value,
        (value: Buffer) => value,
        bytes,
        (error, value) => (error ? reject(error) : resolve(value!)),
      ),
    );
    client.close();
    const response = messageType("inference.ModelInferResponse");
    const { raw_output_contents: raw } = response.toObject(response.decode(answer), { bytes: Array });
    expect(raw).toEqual([[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]]);
  } finally {
    await Promise.all([server.stop(), plain.stop()]);
  }
});

test("a connection is drained when it is old enough", async () => {
  const server = await start("--grpc-max-connection-age=100", "--grpc-max-connection-age-grace=100");
  try {
    const session = connect(server.url);
    const code = await new Promise(resolve => session.on("goaway", resolve));
    expect(code).toBe(constants.NGHTTP2_NO_ERROR);
    await new Promise(resolve => (session.closed || session.destroyed ? resolve(0) : session.on("close", resolve)));
    expect((await infer(server.url, "identity"))[1]).toBe(0);
  } finally {
    await server.stop();
  }
});

test("pings of ours keep a connection that answers; too many of the client's end it", async () => {
  const server = await start(
    "--grpc-keepalive-time=30",
    "--grpc-keepalive-timeout=500",
    "--grpc-keepalive-permit-without-calls=true",
    "--grpc-http2-max-ping-strikes=1",
  );
  try {
    const session = connect(server.url);
    session.on("error", () => {});
    let pings = 0;
    await new Promise<void>(resolve => session.on("ping", () => ++pings === 3 && resolve()));
    expect(session.destroyed).toBe(false);
    const gone = new Promise(resolve => session.on("goaway", resolve));
    for (let i = 0; i < 4; i++) session.ping(() => {});
    expect(await gone).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // Well-behaved clients are still served.
    expect((await infer(server.url, "identity"))[1]).toBe(0);
  } finally {
    await server.stop();
  }
});

// As qa/L0_lifecycle has it (test_shutdown_dynamic), and a Triton of its release answered.
test("while a server stops, a waiting connection gets its response, and further calls are refused", async () => {
  const slow =
    'backend: "identity" max_batch_size: 1 input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [4] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [4] } ] parameters { key: "execute_delay_ms" value { string_value: "800" } }';
  const log: string[] = [];
  const server = await serve({
    ...serveOptions([
      `--model-repository=${repository([], { "echo_int32/config.pbtxt": slow, "echo_int32/1/.keep": "" })}`,
      ...[
        "--grpc-port=0",
        "--grpc-address=127.0.0.1",
        "--allow-http=false",
        "--allow-metrics=false",
        "--log-verbose=1",
      ],
    ]),
    writeLog: line => log.push(line),
  });
  const client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
  const raw = (message: Buffer): Buffer => message;
  const call = (): Promise<grpc.ServiceError | null> =>
    new Promise(resolve => {
      client.makeUnaryRequest("/inference.GRPCInferenceService/ModelInfer", raw, raw, bytes, error => resolve(error));
    });
  try {
    const waiting = call();
    await vi.waitFor(() => expect(log.join("")).toContain("prepared: request id"), 20_000);
    const stopped = server.stop();
    await vi.waitFor(() => expect(log.join("")).toContain("Timeout 30: Found 1"), 20_000);
    expect(await call()).toMatchObject({
      code: grpc.status.UNAVAILABLE,
      details: expect.stringContaining("ECONNREFUSED"),
    });
    expect(await waiting).toBeNull();
    await stopped;
    expect(log.join("")).toMatch(/"Timeout 30: Found 1 gRPC service connections and inference handlers"/);
    expect(log.join("")).toMatch(/"Timeout \d+: Found 1 live models and 0 in-flight non-inference requests"/);
  } finally {
    client.close();
  }
});
