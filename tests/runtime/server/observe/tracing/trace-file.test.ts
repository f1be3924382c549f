/**
 * Triton's trace file and the trace settings, through a server.
 */
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { encode } from "#triton-protos/proto-root.js";
import { type Options, repository, startServer } from "../../support.js";

interface Entry {
  readonly id: number;
  readonly model_name?: string;
  readonly request_id?: string;
  readonly parent_id?: number;
  readonly timestamps?: readonly { readonly name: string; readonly ns: number }[];
  readonly activity?: string;
  readonly tensor?: Readonly<Record<string, string>>;
}

const folder = (): string => mkdtempSync(join(tmpdir(), "merlon-trace-"));
const read = (path: string): Entry[] => JSON.parse(readFileSync(path, "utf8")) as Entry[];
/** The options that `--trace-config` parses from these texts. */
const traced = (...texts: string[]): Options => {
  const { trace } = serveOptions(["--model-repository=x", ...texts.map(text => `--trace-config=${text}`)]);
  return { trace: trace! };
};
const input = { name: "INPUT0", shape: [1, 2], datatype: "INT32", data: [3, 4] };

test("a request leaves Triton's moments, in order, and its tensors", async () => {
  const file = join(folder(), "trace.json");
  const server = await startServer(
    repository(["echo_int32"]),
    traced("rate=1", "level=TIMESTAMPS", "level=TENSORS", `triton,file=${file}`),
  );
  const shape = ((await server.json("/v2/models/echo_int32")).body as { inputs: { shape: number[] }[] }).inputs[0]!
    .shape;
  const { status } = await server.post("/v2/models/echo_int32/infer", {
    id: "r1",
    inputs: [{ ...input, shape: shape.length === 2 ? [1, 4] : [4], data: [3, 4, 5, 6] }],
  });
  expect(status).toBe(200);
  await server.stop();
  const entries = read(file);
  expect(entries[0]).toEqual({ id: 1, model_name: "echo_int32", model_version: 1, request_id: "r1" });
  const stamps = entries.flatMap(entry => entry.timestamps ?? []);
  expect(stamps.map(({ name }) => name)).toEqual([
    ...["HTTP_RECV_START", "HTTP_RECV_END", "REQUEST_START", "QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END"],
    ...["COMPUTE_OUTPUT_START", "COMPUTE_END", "INFER_RESPONSE_COMPLETE", "REQUEST_END"],
    ...["HTTP_SEND_START", "HTTP_SEND_END"],
  ]);
  const at = (name: string): number => stamps.find(stamp => stamp.name === name)!.ns;
  for (const [before, after] of [
    ["HTTP_RECV_START", "HTTP_RECV_END"],
    ["REQUEST_START", "COMPUTE_START"],
    ["COMPUTE_START", "COMPUTE_END"],
    ["REQUEST_START", "REQUEST_END"],
    ["HTTP_SEND_START", "HTTP_SEND_END"],
  ])
    expect(at(before!)).toBeLessThanOrEqual(at(after!));
  expect(
    entries.filter(entry => entry.tensor).map(({ activity, tensor }) => [activity, tensor!.name, tensor!.data]),
  ).toEqual([
    ["TENSOR_QUEUE_INPUT", "INPUT0", "3,4,5,6"],
    ["TENSOR_BACKEND_OUTPUT", "OUTPUT0", "3,4,5,6"],
  ]);
});

test("rate, count and log frequency choose what is written; a model's own settings win and can be taken back", async () => {
  const place = folder();
  const server = await startServer(
    repository(["echo_int32"]),
    traced("rate=2", "level=TIMESTAMPS", "count=3", "triton,log-frequency=2", `triton,file=${join(place, "t.json")}`),
  );
  const one = { name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] };
  const send = async (id: string): Promise<void> => {
    const { status } = await server.post("/v2/models/echo_int32/infer", { id, inputs: [one] });
    expect(status).toBe(200);
  };
  for (let i = 1; i <= 8; i++) await send(`r${i}`);
  expect((await server.json("/v2/trace/setting")).body).toEqual({
    trace_level: ["TIMESTAMPS"],
    trace_rate: "2",
    trace_count: "0",
    log_frequency: "2",
    trace_file: join(place, "t.json"),
    trace_mode: "triton",
  });
  expect(
    (await server.post("/v2/models/echo_int32/trace/setting", { trace_count: "1", trace_rate: "1" })).body,
  ).toMatchObject({
    trace_count: "1",
    trace_rate: "1",
  });
  await send("own");
  expect(
    (await server.post("/v2/models/echo_int32/trace/setting", { trace_count: null, trace_rate: null })).body,
  ).toMatchObject({
    trace_count: "0",
    trace_rate: "2",
  });
  await server.stop();
  const ids = (name: string) => read(join(place, name)).flatMap(({ request_id }) => request_id ?? []);
  expect(readdirSync(place).sort()).toEqual(["t.json.0", "t.json.1", "t.json.2"]);
  expect([ids("t.json.0"), ids("t.json.1"), ids("t.json.2")]).toEqual([["r2", "r4"], ["r6"], ["own"]]);
});

// A real Triton (2.51) makes these files of the same requests; its suite of traces counts them so too.
test("a count that runs out makes a file; new settings begin a new one; without traces there is none", async () => {
  const place = folder();
  const start = (level: string, file: string) =>
    startServer(repository(["echo_int32"]), traced("rate=1", `level=${level}`, `triton,file=${join(place, file)}`));
  const one = { name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] };
  const off = await start("OFF", "off");
  await off.post("/v2/models/echo_int32/infer", { inputs: [one] });
  await off.stop();
  expect(readdirSync(place)).toEqual([]);
  const server = await start("TIMESTAMPS", "t");
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await server.post("/v2/models/echo_int32/infer", { inputs: [one] });
  };
  const set = (settings: Readonly<Record<string, string | null>>) => server.post("/v2/trace/setting", settings);
  await send(6);
  await set({ trace_count: "5" });
  await send(8);
  await set({ trace_count: "3", log_frequency: "2" });
  await send(4);
  await set({ trace_count: "-1", log_frequency: "3" });
  await send(4);
  await set({ trace_count: null, log_frequency: "0" });
  await send(2);
  await server.stop();
  const traces = (name: string) => read(join(place, name)).filter(entry => "model_name" in entry).length;
  expect(Object.fromEntries(readdirSync(place).map(name => [name, traces(name)]))).toEqual({
    t: 8,
    "t.0": 5,
    "t.1": 2,
    "t.2": 1,
    "t.3": 3,
    "t.4": 1,
  });
});

test("what is not a setting is refused, and nothing changes", async () => {
  const server = await startServer(repository(["echo_int32"]), traced("level=OFF"));
  const refused = async (path: string, body: unknown) => {
    const { status, body: answer } = await server.post(path, body);
    return [status, (answer as { error: string }).error];
  };
  try {
    expect(await refused("/v2/trace/setting", { trace_rate: "x" })).toEqual([
      400,
      "Unable to parse 'trace_rate', got: x",
    ]);
    expect(await refused("/v2/trace/setting", { trace_rate: "2147483648" })).toEqual([
      400,
      "Unable to parse 'trace_rate', value is out of range [ 0, 4294967295 ], got: 2147483648",
    ]);
    expect(await refused("/v2/trace/setting", { trace_count: "-2" })).toEqual([
      400,
      "Unable to parse 'trace_count'. Expecting value >= -1, got:-2",
    ]);
    expect(await refused("/v2/trace/setting", { trace_level: ["OFF", "TENSORS"] })).toEqual([
      400,
      "Expect only one trace level 'OFF' is specified",
    ]);
    expect(await refused("/v2/trace/setting", { trace_file: "/x" })).toEqual([
      501,
      "trace file location can not be updated through network protocol",
    ]);
    expect(await refused("/v2/models/nobody/trace/setting", {})).toEqual([400, "Request for unknown model : nobody"]);
    // An unknown level is ignored.
    expect((await server.post("/v2/trace/setting", { trace_level: ["LOUD"] })).body).toMatchObject({
      trace_level: ["OFF"],
    });
    expect((await server.json("/v2/trace/setting")).body).toMatchObject({ trace_rate: "1000", trace_level: ["OFF"] });
    expect((await server.json("/v2")).body).toMatchObject({ extensions: expect.arrayContaining(["trace", "logging"]) });
  } finally {
    await server.stop();
  }
});

test("a server without a tracing flag has its settings, as a Triton of every release; a flag removes them", async () => {
  const server = await startServer(repository(["echo_int32"]));
  const whole = { trace_rate: "1000", trace_count: "-1", log_frequency: "0", trace_file: "", trace_mode: "triton" };
  try {
    expect((await server.json("/v2/trace/setting")).body).toEqual({ trace_level: ["OFF"], ...whole });
    expect((await server.post("/v2/trace/setting", { trace_level: ["TIMESTAMPS"], trace_rate: "1" })).body).toEqual({
      ...whole,
      trace_level: ["TIMESTAMPS"],
      trace_rate: "1",
    });
    expect((await server.json("/v2/models/echo_int32/trace/setting")).body).toMatchObject({ trace_rate: "1" });
    expect((await server.json("/v2")).body).toMatchObject({ extensions: expect.arrayContaining(["trace"]) });
  } finally {
    await server.stop();
  }
  const { allowTrace } = serveOptions(["--model-repository=x", "--allow-trace=false"]);
  const without = await startServer(repository([]), { allowTrace: allowTrace! });
  try {
    expect(await without.json("/v2/trace/setting")).toMatchObject({
      status: 503,
      body: { error: "the server does not support tracing" },
    });
  } finally {
    await without.stop();
  }
});

test("the steps of an ensemble are traced below it", async () => {
  const file = join(folder(), "trace.json");
  const step = (model: string, from: string, to: string): string =>
    `{ model_name: "${model}" model_version: -1 input_map { key: "INPUT0" value: "${from}" } output_map { key: "OUTPUT0" value: "${to}" } }`;
  const pair = `name: "pair" platform: "ensemble" max_batch_size: 4
    input [ { name: "A" data_type: TYPE_INT32 dims: [4] } ] output [ { name: "B" data_type: TYPE_INT32 dims: [4] } ]
    ensemble_scheduling { step [ ${step("echo_a", "A", "t")}, ${step("echo_b", "t", "B")} ] }`;
  const echo = (name: string): string => `name: "${name}" backend: "identity" max_batch_size: 4
    input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [4] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [4] } ]`;
  const server = await startServer(
    repository([], {
      ...{ "pair/config.pbtxt": pair, "pair/1/.keep": "" },
      ...{ "echo_a/config.pbtxt": echo("echo_a"), "echo_a/1/.keep": "" },
      ...{ "echo_b/config.pbtxt": echo("echo_b"), "echo_b/1/.keep": "" },
    }),
    traced("rate=1", "level=TIMESTAMPS", `triton,file=${file}`),
  );
  const inputs = [{ name: "A", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }];
  expect((await server.post("/v2/models/pair/infer", { inputs })).status).toBe(200);
  await server.stop();
  const heads = read(file).filter(entry => entry.model_name);
  expect(heads.map(({ id, model_name, parent_id }) => [id, model_name, parent_id])).toEqual([
    [1, "pair", undefined],
    [2, "echo_a", 1],
    [3, "echo_b", 1],
  ]);
});

/** The spans that Triton's `trace_summary.py` adds up: each with a start needs its end, and not before it. */
const SPANS = [
  ["HTTP_RECV_START", "HTTP_SEND_END"],
  ["HTTP_RECV_START", "HTTP_RECV_END"],
  ["HTTP_SEND_START", "HTTP_SEND_END"],
  ["GRPC_WAITREAD_END", "GRPC_SEND_END"],
  ["GRPC_SEND_START", "GRPC_SEND_END"],
  ["REQUEST_START", "REQUEST_END"],
  ["REQUEST_START", "QUEUE_START"],
  ["QUEUE_START", "COMPUTE_START"],
  ["COMPUTE_START", "COMPUTE_INPUT_END"],
  ["COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START"],
  ["COMPUTE_OUTPUT_START", "COMPUTE_END"],
  ["COMPUTE_END", "REQUEST_END"],
] as const;

test("no span of a trace runs backwards or stays open, for any scheduler and protocol", async () => {
  const file = join(folder(), "trace.json");
  const more = { dynamic: "dynamic_batching { }", direct: "", cached: "response_cache { enable: true }", failing: "" };
  const files = Object.entries(more).flatMap(([name, scheduler]) => [
    [
      `${name}/config.pbtxt`,
      `backend: "javascript" max_batch_size: 4 input [ { name: "X" data_type: TYPE_INT32 dims: [1] } ]
       output [ { name: "Y" data_type: TYPE_INT32 dims: [1] } ] ${scheduler}`,
    ],
    [
      `${name}/1/model.mjs`,
      name === "failing"
        ? `export const execute = requests => requests.map(() => ({ error: "not today" }));`
        : `export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));`,
    ],
  ]);
  const server = await startServer(repository([], Object.fromEntries(files)), {
    ...traced("rate=1", "level=TIMESTAMPS", `triton,file=${file}`),
    cacheConfig: { local: { size: "1000000" } },
  });
  const client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
  const raw = (bytes: Buffer): Buffer => bytes;
  const call = (model: string): Promise<void> =>
    new Promise(resolve => {
      const tensor = { name: "X", datatype: "INT32", shape: [1, 1], contents: { int_contents: [7] } };
      const request = Buffer.from(encode("inference.ModelInferRequest", { model_name: model, inputs: [tensor] }));
      client.makeUnaryRequest("/inference.GRPCInferenceService/ModelInfer", raw, raw, request, () => resolve());
    });
  const inputs = [{ name: "X", shape: [1, 1], datatype: "INT32", data: [7] }];
  for (const model of Object.keys(more)) {
    for (let i = 0; i < 5; i++) await server.post(`/v2/models/${model}/infer`, { inputs });
    await Promise.all(Array.from({ length: 5 }, () => call(model)));
  }
  client.close();
  await server.stop();
  const traces = new Map<number, Map<string, number>>();
  for (const { id, timestamps } of read(file))
    for (const { name, ns } of timestamps ?? []) traces.set(id, (traces.get(id) ?? new Map()).set(name, ns));
  expect(traces.size).toBe(40);
  const wrong = [...traces].flatMap(([id, at]) =>
    SPANS.flatMap(([start, end]) => {
      if (at.has("CACHE_HIT_LOOKUP_START") && /COMPUTE/.test(start + end)) return [];
      if (!at.has(start) && !at.has(end)) return [];
      return at.get(start)! <= at.get(end)! ? [] : [`${id}: ${start} ${at.get(start)}, ${end} ${at.get(end)}`];
    }),
  );
  expect(wrong).toEqual([]);
});
