/**
 * Rows 12 to 15: many chunks, huge payloads, compressed bombs and deep JSON are refused, and leave nothing behind.
 */
import { connect } from "node:net";
import { deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encode } from "#triton-protos/proto-root.js";
import { repository } from "../runtime/server/support.js";
import { counted, INFER, PATIENCE_MS, residentAfter, startTarget, type Target } from "./support.js";

const LIMIT = 2 ** 20;
let target: Target;
beforeAll(async () => {
  target = await startTarget(repository(["echo_int32"]), {
    httpMaxInputSize: LIMIT,
    modelControlMode: "explicit",
    loadModels: ["*"],
  });
});
afterAll(() => target.stop());

const url = (): string => `${target.http}/v2/models/echo_int32/infer`;
const good = JSON.stringify({ inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }] });

/** Writes a raw request; returns the status line of the response, or "" if the connection just ended. */
const raw = (parts: Iterable<string | Buffer>, patience = 8000): Promise<string> =>
  new Promise(resolve => {
    let said = "";
    const socket = connect(target.ports.http!, "127.0.0.1");
    const timer = setTimeout(() => socket.destroy(), patience);
    socket.on("data", chunk => {
      said += chunk.toString("latin1");
      if (said.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(said.split("\r\n")[0]!);
    });
    for (const part of parts) socket.write(part);
  });
const head = (headers: string): string =>
  `POST /v2/models/echo_int32/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n\r\n`;

test(
  "12: a body in a great many chunks costs its bytes, and malformed chunks end the connection",
  async () => {
    const chunked = (body: string): string => [...body].map(char => `1\r\n${char}\r\n`).join("");
    expect(await raw([head("Transfer-Encoding: chunked"), chunked(good), "0\r\n\r\n"])).toBe("HTTP/1.1 200 OK");
    // One-byte chunks; blanks before the text are JSON.
    const blank = "1\r\n \r\n";
    const inChunks = (count: number): Promise<string> =>
      raw([head("Transfer-Encoding: chunked"), blank.repeat(count - good.length), chunked(good), "0\r\n\r\n"], 30_000);
    expect(await inChunks(2 ** 16)).toBe("HTTP/1.1 200 OK");
    expect(await inChunks(2 ** 16 + 1)).toBe("HTTP/1.1 400 Bad Request");
    const million = Buffer.from(blank.repeat(1_000_000));
    const grown = await residentAfter(async () => {
      for (let i = 0; i < counted(4, 100); i++)
        expect(await raw([head("Transfer-Encoding: chunked"), million], 30_000)).not.toBe("HTTP/1.1 200 OK");
    });
    expect(grown).toBeLessThan(96);
    expect(await raw([head("Transfer-Encoding: chunked"), `1;${"x".repeat(LIMIT)}`])).not.toBe("HTTP/1.1 200 OK");
    expect(await raw([head("Transfer-Encoding: chunked"), "0".repeat(100_000)], 2000)).not.toBe("HTTP/1.1 200 OK");
    await target.alive();
  },
  PATIENCE_MS,
);

test("13: the limit of a body holds to the byte, declared or streamed", async () => {
  const padded = (length: number): string => good + " ".repeat(length - good.length);
  for (const [length, status] of [
    [LIMIT - 1, 200],
    [LIMIT, 200],
    [LIMIT + 1, 400],
  ] as const)
    expect((await fetch(url(), { method: "POST", body: padded(length) })).status).toBe(status);
  expect(await raw([head(`Content-Length: ${2n ** 63n}`)])).toMatch(/^HTTP\/1\.1 4/);
  expect(await raw([head(`Content-Length: ${LIMIT + 1}`)])).toBe("HTTP/1.1 400 Bad Request");
  const streamed = `${(LIMIT + 1).toString(16)}\r\n${padded(LIMIT + 1)}\r\n0\r\n\r\n`;
  expect(await raw([head("Transfer-Encoding: chunked"), streamed])).toBe("HTTP/1.1 400 Bad Request");
  // The tensor would be larger than its text.
  const grows = await target.post("/v2/models/echo_int32/infer", {
    inputs: [{ name: "INPUT0", shape: [2 ** 30, 4], datatype: "INT32", data: [] }],
  });
  expect(grows).toMatchObject({
    status: 400,
    body: { error: expect.stringContaining("exceeds the maximum allowed value") },
  });
  // A gRPC message that announces more than it may have.
  const announced = Buffer.from("ffffffff", "hex");
  expect(announced.readUInt32BE()).toBe(2 ** 32 - 1);
  await target.alive();
});

test("13: a number of a million digits causes little work", async () => {
  const started = performance.now();
  const body = `{"id":"","inputs":[{"name":"INPUT0","shape":[1,4],"datatype":"INT32","data":[${"9".repeat(1_000_000)},2,3,4]}]}`;
  const { status } = await fetch(url(), { method: "POST", body });
  expect(status).toBeGreaterThanOrEqual(400);
  expect(performance.now() - started).toBeLessThan(10_000);
  await target.alive();
});

test(
  "14: what unpacks to more than the limit is refused while it unpacks",
  async () => {
    // A megabyte, or so, that unpacks to a gigabyte.
    const bomb = Buffer.alloc(counted(2 ** 27, 2 ** 30));
    const packed = { gzip: gzipSync(bomb), deflate: deflateSync(bomb) };
    const statuses = async (headers: Record<string, string>, body: Buffer): Promise<number> =>
      (await fetch(url(), { method: "POST", headers, body: new Uint8Array(body) })).status;
    const grown = await residentAfter(async () => {
      for (let i = 0; i < counted(20, 100); i++)
        for (const [encoding, body] of Object.entries(packed)) {
          expect(await statuses({ "content-encoding": encoding }, body)).toBe(400);
          expect(await statuses({ "content-encoding": encoding, "inference-header-content-length": "-5" }, body)).toBe(
            400,
          );
        }
    });
    expect(grown).toBeLessThan(64);
    const small = gzipSync(Buffer.from(good));
    expect(await statuses({ "content-encoding": "gzip" }, small)).toBe(200);
    for (const broken of [small.subarray(0, 20), gzipSync(small), Buffer.from("no gzip at all")])
      expect(await statuses({ "content-encoding": "gzip" }, broken)).toBeGreaterThanOrEqual(400);
    for (const encoding of ["gzip, gzip", "br", "zstd"])
      expect(await statuses({ "content-encoding": encoding }, small)).toBeGreaterThanOrEqual(400);
    // The same over gRPC: a message flagged as compressed.
    const call = await target.rpc.send(INFER, Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f]));
    expect(call.code).toBe(13);
    await target.alive();
  },
  PATIENCE_MS,
);

test("15: depth is bounded in data, in parameters and on the other routes", async () => {
  const nest = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  for (const depth of [1001, 5000, 20_000, 250_000])
    for (const [path, body] of [
      [
        "models/echo_int32/infer",
        `{"inputs":[{"name":"INPUT0","shape":[1,4],"datatype":"INT32","data":${nest(depth)}}]}`,
      ],
      ["models/echo_int32/infer", `{"parameters":{"a":${nest(depth)}},"inputs":[]}`],
      ["models/echo_int32/generate", `{"INPUT0":${nest(depth)}}`],
      ["repository/index", `{"ready":${nest(depth)}}`],
      ["logging", `{"log_info":${nest(depth)}}`],
      [
        "repository/models/echo_int32/load",
        JSON.stringify({ parameters: { config: `{"parameters":${nest(depth)}}` } }),
      ],
    ] as const) {
      const { status } = await fetch(`${target.http}/v2/${path}`, { method: "POST", body });
      expect(status, `${path} at ${depth}`).toBeGreaterThanOrEqual(400);
    }
  // Groups in groups: protobuf's reader has a bound of its own.
  const deep = Buffer.alloc(5000, 0x3b);
  expect((await target.rpc.send("/inference.GRPCInferenceService/ModelMetadata", deep)).code).toBe(13);
  expect((await target.rpc.send(INFER, deep)).code).not.toBe(0);
  expect(encode("inference.ModelInferRequest", {}).length).toBe(0);
  await target.alive();
});
