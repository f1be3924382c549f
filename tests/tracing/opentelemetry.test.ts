/**
 * OpenTelemetry export: a receiver takes what the server sends, and opentelemetry-proto reads it.
 */
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { python } from "../needs/python.js";
import { repository, startServer } from "../server/support.js";

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

test("spans of the request, its model and its computing arrive, below the client's own span", async () => {
  const received: Buffer[] = [];
  const types: (string | undefined)[] = [];
  const receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    received.push(Buffer.concat(chunks));
    types.push(request.headers["content-type"]);
    response.end();
  });
  await new Promise<void>(resolve => receiver.listen(0, "127.0.0.1", resolve));
  const { port } = receiver.address() as AddressInfo;
  const config = [
    ...["rate=1000", "level=TIMESTAMPS", "mode=opentelemetry", `opentelemetry,url=127.0.0.1:${port}/v1/traces`],
    ...["opentelemetry,resource=service.name=shop", "opentelemetry,bsp_schedule_delay=50"],
  ];
  const { trace } = serveOptions(["--model-repository=x", ...config.flatMap(text => ["--trace-config", text])]);
  const server = await startServer(repository(["echo_int32"]), { trace: trace! });
  const started = BigInt(Date.now()) * 1_000_000n;
  const body = JSON.stringify({
    id: "r1",
    inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }],
  });
  const path = "/v2/models/echo_int32/infer";
  // Only every thousandth request is traced, and each whose client traces.
  await server.json(path, { method: "POST", body });
  const context = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  expect((await server.json(path, { method: "POST", body, headers: context })).status).toBe(200);
  await server.stop();
  receiver.close();
  expect(types).toEqual(["application/x-protobuf"]);
  const spans = JSON.parse(execFileSync(python(), [script], { input: received[0]!, encoding: "utf8" })) as Span[];
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
    attributes: { "triton.model_name": "echo_int32", "triton.model_version": 1, "triton.request_id": "r1" },
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
  const inputs = [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }];
  expect((await server.post("/v2/models/echo_int32/infer", { inputs })).status).toBe(200);
  await server.stop();
  expect(server.log.filter(line => line.includes("spans cannot be sent to http://127.0.0.1:9/v1/traces"))).toHaveLength(
    1,
  );
});
