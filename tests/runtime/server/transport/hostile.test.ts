/**
 * Bytes that are not requests: the connection or the call ends, the server answers the next good request.
 */
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository, startServer } from "../support.js";

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(repository(["echo_int32"]), { httpMaxInputSize: 1 << 20 });
});
afterAll(() => server.stop());

const good = { inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }] };
const alive = async () => expect((await server.post("/v2/models/echo_int32/infer", good)).status).toBe(200);

/** Sends bytes as one gRPC call; answers its status and message. */
function call(
  path: string,
  bytes: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: string; message: string }> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${server.ports.grpc}`);
    session.on("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const found: Record<string, unknown> = {};
    stream.on("response", head => Object.assign(found, head));
    stream.on("trailers", trailers => Object.assign(found, trailers));
    stream.on("error", () => {});
    stream.on("close", () => {
      session.close();
      resolve({
        status: String(found["grpc-status"]),
        message: decodeURIComponent(String(found["grpc-message"] ?? "")),
      });
    });
    stream.resume();
    stream.end(bytes);
  });
}

const prefixed = (body: Buffer, compressed = 0, length = body.length): Buffer => {
  const head = Buffer.alloc(5);
  head[0] = compressed;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, body]);
};
const INFER = "/inference.GRPCInferenceService/ModelInfer";

test("gRPC calls with broken bytes end with a status", async () => {
  expect(await call(INFER, prefixed(Buffer.from([0x0a, 0xff])))).toEqual({
    status: "13",
    message: "Unable to parse request",
  });
  expect(await call(INFER, prefixed(Buffer.from("not gzip"), 1), { "grpc-encoding": "gzip" })).toMatchObject({
    status: "13",
  });
  expect(await call(INFER, prefixed(Buffer.from("x"), 1), { "grpc-encoding": "snappy" })).toMatchObject({
    status: "12",
  });
  expect(await call(INFER, prefixed(Buffer.from("short"), 0, 500))).toMatchObject({ status: "13" });
  expect(await call(INFER, Buffer.alloc(0))).toMatchObject({ status: "13" });
  expect(await call(INFER, prefixed(Buffer.alloc(0), 0, 2 ** 32 - 1))).toMatchObject({ status: "3" });
  expect(await call("/inference.GRPCInferenceService/NoSuchCall", prefixed(Buffer.alloc(0)))).toEqual({
    status: "12",
    message: "",
  });
  expect(await call("/inference.GRPCInferenceService/ServerReady", prefixed(Buffer.from([0xff, 0xff])))).toMatchObject({
    status: "13",
  });
  await alive();
});

test("a compressed gRPC message is unpacked", async () => {
  const body = gzipSync(Buffer.concat([Buffer.from([0x0a, 6]), Buffer.from("nosuch")]));
  expect(await call(INFER, prefixed(body, 1), { "grpc-encoding": "gzip" })).toEqual({
    status: "5",
    message: "Request for unknown model: 'nosuch' is not found",
  });
});

/** Sends raw bytes; returns the first line of the response. */
const raw = (port: number, bytes: string | Buffer): Promise<string> =>
  new Promise(resolve => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", chunk => (text += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => resolve(text.split("\r\n")[0]!));
    setTimeout(() => socket.destroy(), 500);
  });

test("bytes that are not HTTP are refused", async () => {
  expect(await raw(server.ports.http!, "\x00\x01\x02garbage\r\n\r\n")).toBe("HTTP/1.1 400 Bad Request");
  expect(await raw(server.ports.http!, `GET /v2 HTTP/1.1\r\nHost: x\r\nBig: ${"a".repeat(70_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 4/,
  );
  await raw(
    server.ports.grpc!,
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage that is no frame at all, and long enough to be read as one",
  );
  await alive();
});

test("bodies above the limit are refused before they are held, also when they unpack to more", async () => {
  const large = JSON.stringify({ ...good, id: "x".repeat(1 << 20) });
  const url = `${server.http}/v2/models/echo_int32/infer`;
  expect((await fetch(url, { method: "POST", body: large })).status).toBe(400);
  const bomb = await fetch(url, {
    method: "POST",
    body: gzipSync(Buffer.alloc(1 << 26)),
    headers: { "content-encoding": "gzip" },
  });
  expect(bomb.status).toBe(400);
  expect(await bomb.json()).toEqual({
    error: expect.stringContaining("exceeds the maximum allowed value of 1048576 bytes"),
  });
  await alive();
});

test("nested lists and shapes beyond int64 are refused with the texts that Triton's own HTTP suite tests", async () => {
  const infer = (shape: readonly number[], data: unknown) => {
    const inputs = [{ name: "INPUT0", shape, datatype: "INT32", data }];
    return server.post("/v2/models/echo_int32/infer", { inputs });
  };
  const nested = (depth: number) => JSON.parse(`${"[".repeat(depth)}1,2,3,4${"]".repeat(depth)}`);
  expect((await infer([1, 4], nested(51))).status).toBe(200);
  for (const [answer, text] of [
    [await infer([1, 4], nested(121)), "JSON nesting depth exceeds maximum allowed limit (100)"],
    [await infer([2 ** 4, 2 ** 60], [1]), "causes total element count to exceed maximum size of"],
    [await infer([2 ** 2, 2 ** 60], [1]), "byte size overflow for input"],
  ] as const) {
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: expect.stringContaining(text) });
  }
});

test("deep and strange JSON is refused by name", async () => {
  const deep = `{"inputs":${"[".repeat(50_000)}`;
  const url = `${server.http}/v2/models/echo_int32/infer`;
  const answer = await fetch(url, { method: "POST", body: deep });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({ error: expect.stringContaining("nesting depth exceeds maximum") });
  const polluted = await fetch(url, {
    method: "POST",
    body: '{"__proto__":{"a":1},"inputs":[],"parameters":{"__proto__":"x"}}',
  });
  expect(polluted.status).toBe(400);
  expect(({} as Record<string, unknown>).a).toBeUndefined();
  await alive();
});

test("a streamed body that is refused is read away, and its connection answers the next request", async () => {
  const large = `${(1 << 21).toString(16)}\r\n${" ".repeat(1 << 21)}\r\n0\r\n\r\n`;
  const next = JSON.stringify(good);
  const said = await new Promise<string>(resolve => {
    let text = "";
    const socket = connect(server.ports.http!, "127.0.0.1", () => {
      const head = "POST /v2/models/echo_int32/infer HTTP/1.1\r\nHost: x\r\n";
      socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n${large}`);
      socket.write(`${head}Connection: close\r\nContent-Length: ${next.length}\r\n\r\n${next}`);
    });
    const timer = setTimeout(() => socket.destroy(), 5000);
    socket.on("data", chunk => (text += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
  expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400", "HTTP/1.1 200"]);
});

test.each([
  ["a body without an end", `${(1 << 16).toString(16)}\r\n${" ".repeat(1 << 16)}\r\n`, 400],
  ["a body in more chunks than a request may have", "1\r\n \r\n".repeat(5000), 40],
])("%s ends its connection after the refusal", async (_, part, parts) => {
  const said = await new Promise<string>(resolve => {
    let text = "";
    const socket = connect(server.ports.http!, "127.0.0.1", async () => {
      socket.write("POST /v2/models/echo_int32/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (let i = 0; i < parts && !socket.destroyed; i++) await new Promise(done => socket.write(part, done));
    });
    socket.on("data", chunk => (text += chunk.toString("latin1")));
    socket.on("error", () => {});
    // Without an end of the connection the test runs into its time limit.
    socket.on("end", () => resolve(text));
    socket.on("close", () => resolve(text));
  });
  expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400"]);
});
