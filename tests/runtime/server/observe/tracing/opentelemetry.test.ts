/**
 * OpenTelemetry export: a receiver takes what the server sends, and opentelemetry-proto reads it.
 */
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { python } from "../../../../needs/python.js";
import { type Options, repository, startServer } from "../../support.js";

interface Span {
  readonly resource: Readonly<Record<string, string>>;
  readonly trace: string;
  readonly span: string;
  readonly parent: string;
  readonly name: string;
  readonly kind: number;
  readonly start: string;
  readonly end: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly events: readonly string[];
}

const script = new URL("read_otlp.py", import.meta.url).pathname;

interface Receiver {
  readonly port: number;
  /** Requests so far. */
  readonly bodies: readonly Buffer[];
  readonly types: readonly (string | undefined)[];
  close(): void;
}

/** @param answer when it answers a request, counted from 1 */
async function openReceiver(answer: (count: number) => Promise<void> = async () => {}): Promise<Receiver> {
  const bodies: Buffer[] = [];
  const types: (string | undefined)[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    types.push(request.headers["content-type"]);
    await answer(bodies.push(Buffer.concat(chunks)));
    response.end();
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { port, bodies, types, close: () => server.close() };
}

const readSpans = (body: Buffer): Span[] =>
  JSON.parse(execFileSync(python(), [script], { input: body, encoding: "utf8" })) as Span[];

/** Settings of `--trace-config` that send spans to the receiver. */
function sentTo({ port }: Receiver, ...texts: readonly string[]): Options {
  const config = ["level=TIMESTAMPS", "mode=opentelemetry", `opentelemetry,url=127.0.0.1:${port}/v1/traces`, ...texts];
  const { trace } = serveOptions(["--model-repository=x", ...config.map(text => `--trace-config=${text}`)]);
  return { trace: trace! };
}

const input = { name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] };

/** Names of the spans below each, sorted. */
function nesting(spans: readonly Span[]): Record<string, string[]> {
  const names = new Map(spans.map(({ span, name }) => [span, name]));
  const below: Record<string, string[]> = {};
  for (const { parent, name } of spans) {
    const above = names.get(parent);
    if (above) below[above] = [...(below[above] ?? []), name].sort();
  }
  return below;
}

test("spans of the request, its model and its computing arrive, below the client's own span", async () => {
  const receiver = await openReceiver();
  const config = ["opentelemetry,resource=service.name=shop", "opentelemetry,bsp_schedule_delay=50"];
  const server = await startServer(repository(["echo_int32"]), sentTo(receiver, "rate=1000", ...config));
  const started = BigInt(Date.now()) * 1_000_000n;
  const body = JSON.stringify({ id: "r1", inputs: [input] });
  const path = "/v2/models/echo_int32/infer";
  // Only every thousandth request is traced, and each whose client traces.
  await server.json(path, { method: "POST", body });
  const context = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  expect((await server.json(path, { method: "POST", body, headers: context })).status).toBe(200);
  await server.stop();
  receiver.close();
  expect(receiver.types).toEqual(["application/x-protobuf"]);
  const spans = readSpans(receiver.bodies[0]!);
  expect(spans.map(({ name }) => name)).toEqual(["InferRequest", "echo_int32", "compute"]);
  const [request, model, compute] = spans as [Span, Span, Span];
  expect(request).toMatchObject({
    resource: { "service.name": "shop" },
    trace: "0af7651916cd43dd8448eb211c80319c",
    parent: "b7ad6b7169203331",
    kind: 2,
    events: ["HTTP_RECV_START", "HTTP_RECV_END", "INFER_RESPONSE_COMPLETE", "HTTP_SEND_START", "HTTP_SEND_END"],
  });
  expect(model).toMatchObject({
    trace: request.trace,
    parent: request.span,
    attributes: {
      ...{ "triton.model_name": "echo_int32", "triton.model_version": 1 },
      ...{ "triton.trace_parent_id": 0, "triton.request_id": "r1" },
    },
    events: ["REQUEST_START", "QUEUE_START", "REQUEST_END"],
  });
  expect(compute).toMatchObject({ parent: model.span, name: "compute" });
  for (const { start, end } of spans) expect(BigInt(end)).toBeGreaterThanOrEqual(BigInt(start));
  // Wall-clock nanoseconds, whole and not rounded to a float's.
  expect(BigInt(request.start)).toBeGreaterThan(started - 60_000_000_000n);
  expect(BigInt(request.start)).toBeLessThan(started + 600_000_000_000n);
});

test("a receiver that is away costs a line in the log, and nothing else", async () => {
  const { trace } = serveOptions([
    "--model-repository=x",
    ...["rate=1", "level=TIMESTAMPS", "mode=opentelemetry", "opentelemetry,url=127.0.0.1:9/v1/traces"].map(
      text => `--trace-config=${text}`,
    ),
  ]);
  const server = await startServer(repository(["echo_int32"]), { trace: trace! });
  expect((await server.post("/v2/models/echo_int32/infer", { inputs: [input] })).status).toBe(200);
  await server.stop();
  expect(server.log.filter(line => line.includes("spans cannot be sent to http://127.0.0.1:9/v1/traces"))).toHaveLength(
    1,
  );
});

/** A model that calls `echo_int32` for each of its requests, and answers with their `traceparent` in hexadecimal digits. */
const caller: Readonly<Record<string, string>> = {
  "caller/config.pbtxt": `backend: "javascript" max_batch_size: 0
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [1, 4] } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [1, 4] }, { name: "PARENT" data_type: TYPE_STRING dims: [1] } ]`,
  "caller/1/model.mjs": `export async function execute(requests, { infer }) {
  return Promise.all(requests.map(async request => {
    const { INPUT0 } = request.inputs;
    const { outputs } = await infer({ model: "echo_int32", inputs: [INPUT0] });
    const parent = { name: "PARENT", datatype: "BYTES", shape: [1], data: [Buffer.from(request.traceparent ?? "none")] };
    return { outputs: [outputs.OUTPUT0, parent] };
  }));
}`,
};

// qa/L0_trace's expectations of calls between models (test_http_trace_bls_model) and of the context that a model sees.
test("a model's call of another is traced below the model, whose own span the model can pass on", async () => {
  const receiver = await openReceiver();
  const server = await startServer(repository(["echo_int32"], caller), sentTo(receiver, "rate=1"));
  const { body } = await server.post("/v2/models/caller/infer", { inputs: [input] });
  const given = (body as { outputs: { name: string; data: string[] }[] }).outputs.find(({ name }) => name === "PARENT")!
    .data[0]!;
  await server.stop();
  receiver.close();
  const spans = readSpans(receiver.bodies[0]!);
  expect(nesting(spans)).toEqual({
    InferRequest: ["caller"],
    caller: ["compute", "echo_int32"],
    echo_int32: ["compute"],
  });
  const { trace, span } = spans.find(({ name }) => name === "caller")!;
  expect(given).toBe(`00-${trace}-${span}-01`);
  expect(new Set(spans.map(one => one.trace)).size).toBe(1);
});

test("in a batch, a call belongs to the request that it names; a model that is not traced has no context", async () => {
  const receiver = await openReceiver();
  const batched: Readonly<Record<string, string>> = {
    "caller/config.pbtxt": `backend: "javascript" max_batch_size: 4 dynamic_batching { max_queue_delay_microseconds: 400000 preferred_batch_size: [2] }
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [4] } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [4] }, { name: "PARENT" data_type: TYPE_STRING dims: [1] } ]`,
    "caller/1/model.mjs": caller["caller/1/model.mjs"]!.replace("shape: [1]", "shape: [1, 1]").replace(
      "infer({ ",
      'infer({ ...(request.id === "named" && { request }), ',
    ),
  };
  const server = await startServer(repository(["echo_int32"], batched), sentTo(receiver, "rate=1"));
  const ask = (id: string) => server.post("/v2/models/caller/infer", { id, inputs: [input] });
  await Promise.all([ask("named"), ask("")]);
  await server.post("/v2/trace/setting", { trace_level: ["OFF"] });
  const { body } = await ask("named");
  expect((body as { outputs: { data: unknown }[] }).outputs.at(-1)!.data).toEqual(["none"]);
  await server.stop();
  receiver.close();
  const spans = readSpans(receiver.bodies[0]!);
  const callers = spans.filter(({ name }) => name === "caller");
  expect(callers).toHaveLength(2);
  const named = callers.find(({ attributes }) => attributes["triton.request_id"] === "named")!;
  expect(spans.filter(({ name }) => name === "echo_int32").map(({ parent }) => parent)).toEqual([named.span]);
});

test("a full queue drops spans and says so once, however slow the collector is", async () => {
  let release!: () => void;
  const held = new Promise<void>(resolve => {
    release = resolve;
  });
  const receiver = await openReceiver(() => held);
  const config = ["rate=1", "opentelemetry,bsp_max_queue_size=4", "opentelemetry,bsp_max_export_batch_size=3"];
  const server = await startServer(repository(["echo_int32"]), sentTo(receiver, ...config));
  for (let i = 0; i < 10; i++)
    expect((await server.post("/v2/models/echo_int32/infer", { inputs: [input] })).status).toBe(200);
  await expect.poll(() => receiver.bodies.length).toBe(1);
  release();
  await server.stop();
  receiver.close();
  expect(server.log.filter(line => line.includes("BatchSpanProcessor queue is full - dropping span."))).toHaveLength(1);
  // The batch that was under way, and the four that the queue holds.
  expect(receiver.bodies.map(body => readSpans(body).length)).toEqual([3, 3, 1]);
});
