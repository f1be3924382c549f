/**
 * Bodies, tensors and answers over HTTP are charged to the memory of the server, refused where it is used up, and given back exactly once.
 */
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { repository, startServer } from "../runtime/server/support.js";
import { post } from "./support/meter.js";

const MIB = 2 ** 20;
const LIMIT = 96 * MIB;
const config = (name: string, type: string): string => `name: "${name}" backend: "identity"
input [ { name: "INPUT0" data_type: TYPE_${type} dims: [ -1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_${type} dims: [ -1 ] } ]`;

let server: Awaited<ReturnType<typeof startServer>>;
let budget: MemoryBudget;
beforeAll(async () => {
  const opened = vi.spyOn(MemoryBudget.prototype, "open");
  // The RSS of this process, whose memory is that of the test, too.
  vi.spyOn(process.memoryUsage, "rss").mockReturnValue(0);
  const files = {
    ...{ "numbers/config.pbtxt": config("numbers", "INT32"), "numbers/1/.keep": "" },
    ...{ "texts/config.pbtxt": config("texts", "STRING"), "texts/1/.keep": "" },
  };
  server = await startServer(repository([], files), { memoryLimit: LIMIT, workers: 1 });
  await server.post("/v2/models/numbers/infer", {});
  budget = opened.mock.contexts[0] as MemoryBudget;
  opened.mockRestore();
});
afterAll(() => server.stop());

const numbers = (count: number): Buffer =>
  Buffer.from(
    `{"inputs":[{"name":"INPUT0","shape":[${count}],"datatype":"INT32","data":[${Array.from({ length: count }, (_, i) => (i * 2654435761) % 1000003).join(",")}]}]}`,
  );

function binary(count: number): { readonly head: string; readonly body: Buffer } {
  const json = `{"inputs":[{"name":"INPUT0","shape":[${count}],"datatype":"INT32","parameters":{"binary_data_size":${4 * count}}}],"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}}]}`;
  return {
    head: `Inference-Header-Content-Length: ${json.length}\r\n`,
    body: Buffer.concat([Buffer.from(json), Buffer.alloc(4 * count)]),
  };
}

interface Sent {
  readonly path: string;
  readonly head: string;
  readonly body: Buffer;
}

const KINDS: Readonly<Record<string, (size: number) => Sent>> = {
  json: size => ({ path: "models/numbers/infer", head: "", body: numbers(size) }),
  binary: size => ({ path: "models/numbers/infer", ...binary(size) }),
  gzip: size => ({ path: "models/numbers/infer", head: "Content-Encoding: gzip\r\n", body: gzipSync(numbers(size)) }),
  "packed answer": size => ({ path: "models/numbers/infer", head: "Accept-Encoding: gzip\r\n", body: numbers(size) }),
  broken: size => ({ path: "models/numbers/infer", head: "", body: numbers(size).subarray(0, -3) }),
  bomb: size => ({
    path: "models/numbers/infer",
    head: "Content-Encoding: gzip\r\n",
    body: gzipSync(Buffer.alloc(100 * size)),
  }),
  texts: size => ({
    path: "models/texts/infer",
    head: "",
    body: Buffer.from(`{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"BYTES","data":["${"x".repeat(size)}"]}]}`),
  }),
  generate: size => ({
    path: "models/numbers/generate",
    head: "",
    body: Buffer.from(`{"INPUT0":[${"7,".repeat(size)}7]}`),
  }),
  stream: size => ({
    path: "models/texts/generate_stream",
    head: "",
    body: Buffer.from(`{"INPUT0":"${"x".repeat(size)}"}`),
  }),
  index: size => ({ path: "repository/index", head: "", body: Buffer.from(`{"a":"${"x".repeat(size)}"}`) }),
  load: size => ({
    path: "repository/models/none/load",
    head: "",
    body: Buffer.from(`{"parameters":{"config":"{}","file:1/x":"${"QUFB".repeat(size)}"}}`),
  }),
};

/** Sends a request, and leaves after a part of it, or after a while. Resolves when the connection has ended. */
function send({ path, head, body }: Sent, part: number, patience: number): Promise<void> {
  return new Promise(resolve => {
    const socket = connect(server.ports.http!, "127.0.0.1");
    const timer = setTimeout(() => socket.destroy(), patience);
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.write(
      `POST /v2/${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${head}Content-Length: ${body.length}\r\n\r\n`,
    );
    socket.write(body.subarray(0, Math.ceil(part * body.length)));
  });
}

test("whatever the request and whenever its client leaves, everything is given back", async () => {
  const request = fc.record({
    kind: fc.constantFrom(...Object.keys(KINDS)),
    size: fc.constantFrom(1, 100, 10_000, 200_000),
    part: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
    patience: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constant(3000)),
  });
  let highest = 0;
  const watch = setInterval(() => {
    highest = Math.max(highest, budget.charged);
  }, 1);
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 4, maxLength: 10 }), async requests => {
      await Promise.all(
        requests.map(({ kind, size, part, patience }) =>
          send(KINDS[kind]!(size), part, part < 1 ? Math.min(patience, 60) : patience),
        ),
      );
      // The server sees the end of a connection after its client.
      await vi.waitFor(() => expect(budget.charged).toBe(0), { timeout: 10_000, interval: 5 });
    }),
    { numRuns: 15 },
  );
  clearInterval(watch);
  expect(highest).toBeGreaterThan(100_000);
  expect(budget.charged).toBe(0);
}, 120_000);

test("a request that would exceed the memory is refused with 503, and a small one is served", async () => {
  const held = budget.open();
  held.force(0.85 * LIMIT);
  try {
    const path = "/v2/models/numbers/infer";
    const large = await post(server.ports.http!, path, numbers(2_000_000));
    expect(large.status).toBe(503);
    expect(large.headers).toMatch(/^retry-after: 1$/im);
    expect(large.body).toContain("the server's memory limit of 96 MiB is reached");
    expect((await post(server.ports.http!, path, numbers(100))).status).toBe(200);
    const packed = await post(server.ports.http!, path, gzipSync(numbers(2_000_000)), { "Content-Encoding": "gzip" });
    expect(packed.status).toBe(503);
    held.force(0.06 * LIMIT);
    expect((await post(server.ports.http!, path, numbers(100))).status).toBe(503);
    expect((await fetch(`${server.http}/v2/health/live`)).status).toBe(200);
  } finally {
    held.release();
  }
  expect(budget.charged).toBe(0);
});

test("an answer is charged until its client has read it", async () => {
  const socket = connect(server.ports.http!, "127.0.0.1");
  const { head, body } = binary(4_000_000);
  socket.write(`POST /v2/models/numbers/infer HTTP/1.1\r\nHost: x\r\n${head}Content-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  await new Promise(done => socket.once("readable", done));
  // The kernel holds some; the rest waits in the server.
  expect(budget.charged).toBeGreaterThan(4 * MIB);
  socket.resume();
  await vi.waitFor(() => expect(budget.charged).toBe(0), { timeout: 10_000, interval: 5 });
  socket.destroy();
});
