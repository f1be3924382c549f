/**
 * The backends that exist for tests of clients: repeat and square on a stream, the sums of sequences.
 */
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LoadContext } from "#runtime/server/backends/backend.js";
import { identityBackend } from "#runtime/server/backends/identity.js";
import { messageType } from "#triton-protos/proto-root.js";
import { configOf, requestOf } from "../scheduling/support.js";
import { repository, startServer } from "../support.js";

const control = (name: string, kind: string): string =>
  `{ name: "${name}" control [ { kind: ${kind} int32_false_true: [ 0, 1 ] } ] }`;
const sums = (backend: string, strategy: string): string => `
backend: "${backend}" max_batch_size: 4
input [ { name: "INPUT" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "OUTPUT" data_type: TYPE_INT32 dims: [1] } ]
sequence_batching { ${strategy} control_input [ ${control("START", "CONTROL_SEQUENCE_START")}, ${control("READY", "CONTROL_SEQUENCE_READY")} ] }`;
const files = {
  "repeat/1/.keep": "",
  "repeat/config.pbtxt": `backend: "repeat" max_batch_size: 0 model_transaction_policy { decoupled: true }
input [ { name: "IN" data_type: TYPE_INT32 dims: [-1] }, { name: "DELAY" data_type: TYPE_UINT32 dims: [-1] }, { name: "WAIT" data_type: TYPE_UINT32 dims: [1] } ]
output [ { name: "OUT" data_type: TYPE_INT32 dims: [1] }, { name: "IDX" data_type: TYPE_UINT32 dims: [1] } ]`,
  "square/1/.keep": "",
  "square/config.pbtxt": `backend: "square" max_batch_size: 0 model_transaction_policy { decoupled: true }
input [ { name: "IN" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "OUT" data_type: TYPE_INT32 dims: [1] } ]`,
  "query/1/.keep": "",
  "query/config.pbtxt": `backend: "query" max_batch_size: 0
input [ { name: "INPUT" data_type: TYPE_UINT8 dims: [1] } ]
output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [1] }, { name: "OUTPUT1" data_type: TYPE_UINT8 dims: [1] } ]`,
  "direct/1/.keep": "",
  "direct/config.pbtxt": sums("sequence", "direct { }"),
  "wide/1/.keep": "",
  "wide/config.pbtxt": sums("sequence", "direct { }").replaceAll("dims: [1]", "dims: [-1]"),
  "dyna/1/.keep": "",
  "dyna/config.pbtxt": sums("dyna_sequence", "oldest { max_candidate_sequences: 4 }"),
};

let server: Awaited<ReturnType<typeof startServer>>;
let client: grpc.Client;
beforeAll(async () => {
  server = await startServer(repository([], files));
  client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.stop();
});

const ints = (name: string, datatype: string, values: readonly number[]) => ({
  name,
  datatype,
  shape: [values.length],
  contents: datatype === "INT32" ? { int_contents: values } : { uint_contents: values },
});

interface StreamAnswer {
  readonly error_message: string;
  readonly infer_response: {
    readonly parameters: { triton_final_response?: { bool_param: boolean } };
    readonly raw_output_contents: readonly Buffer[];
  };
}

function stream(request: Record<string, unknown>): Promise<readonly StreamAnswer[]> {
  const asked = messageType("inference.ModelInferRequest");
  const answered = messageType("inference.ModelStreamInferResponse");
  return new Promise((resolve, reject) => {
    const got: StreamAnswer[] = [];
    const call = client.makeBidiStreamRequest<Buffer, StreamAnswer>(
      "/inference.GRPCInferenceService/ModelStreamInfer",
      bytes => bytes,
      bytes => answered.toObject(answered.decode(bytes), { defaults: true }) as StreamAnswer,
    );
    call.on("data", (answer: StreamAnswer) => got.push(answer));
    call.on("error", reject);
    call.on("end", () => resolve(got));
    call.write(Buffer.from(asked.encode(asked.fromObject(request)).finish()));
    call.end();
  });
}
const firsts = (answers: readonly StreamAnswer[]): readonly number[] =>
  answers.flatMap(({ infer_response: { raw_output_contents: raw } }) => (raw[0] ? [raw[0].readInt32LE()] : []));

test("repeat answers each element in order, then marks the last one on request", async () => {
  const answers = await stream({
    model_name: "repeat",
    parameters: { triton_enable_empty_final_response: { bool_param: true } },
    inputs: [ints("IN", "INT32", [4, 2, 9]), ints("DELAY", "UINT32", [20, 1, 0]), ints("WAIT", "UINT32", [0])],
  });
  expect(firsts(answers)).toEqual([4, 2, 9]);
  expect(answers.map(answer => answer.infer_response.parameters.triton_final_response?.bool_param)).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

test("square answers n times, none for 0", async () => {
  const of = (n: number) => stream({ model_name: "square", inputs: [ints("IN", "INT32", [n])] });
  expect(firsts(await of(200))).toEqual(new Array(200).fill(200));
  expect(await of(0)).toEqual([]);
});

test("sequence sums up, dyna_sequence adds the id at the end", async () => {
  const total = async (model: string, value: number, flags: Record<string, unknown>): Promise<number> => {
    const { body } = await server.post(`/v2/models/${model}/infer`, {
      parameters: { sequence_id: 100, ...flags },
      inputs: [{ name: "INPUT", shape: [1, 1], datatype: "INT32", data: [value] }],
    });
    return (body as { outputs: { data: number[] }[] }).outputs[0]!.data[0]!;
  };
  for (const [model, last] of [
    ["direct", 12],
    ["dyna", 112],
  ] as const) {
    expect(await total(model, 3, { sequence_start: true })).toBe(3);
    expect(await total(model, 4, {})).toBe(7);
    expect(await total(model, 5, { sequence_end: true })).toBe(last);
  }
});

test("query names the memory of each output in its error", async () => {
  const { status, body } = await server.post("/v2/models/query/infer", {
    inputs: [{ name: "INPUT", shape: [1], datatype: "UINT8", data: [0] }],
  });
  expect(status).toBe(400);
  expect((body as { error: string }).error).toContain("OUTPUT0 CPU 0");
  expect((body as { error: string }).error).toContain("OUTPUT1 CPU 0");
});

test("a client that leaves ends the pause before repeat's next answer", async () => {
  interface Counts {
    readonly success: { readonly count: number };
    readonly fail: { readonly count: number };
  }
  const counted = async (): Promise<number> => {
    const { body } = await server.json("/v2/models/repeat/stats");
    const [{ inference_stats }] = (body as { model_stats: [{ inference_stats: Counts }] }).model_stats;
    return inference_stats.success.count + inference_stats.fail.count;
  };
  const before = await counted();
  const asked = messageType("inference.ModelInferRequest");
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(
    "/inference.GRPCInferenceService/ModelStreamInfer",
    bytes => bytes,
    bytes => bytes,
  );
  const code = new Promise(resolve => call.on("error", error => resolve((error as grpc.ServiceError).code)));
  const first = new Promise(resolve => call.once("data", resolve));
  const request = {
    model_name: "repeat",
    inputs: [ints("IN", "INT32", [1, 2]), ints("DELAY", "UINT32", [0, 3_600_000]), ints("WAIT", "UINT32", [0])],
  };
  call.write(Buffer.from(asked.encode(asked.fromObject(request)).finish()));
  await first;
  call.cancel();
  expect(await code).toBe(grpc.status.CANCELLED);
  // The request is over once it is counted.
  await expect.poll(counted, { timeout: 10_000 }).toBe(before + 1);
});

// From qa/L0_decoupled (NonDecoupledTest): a stream has one response if the model is not decoupled.
test("repeat and square that are not decoupled give the only answer, and refuse another number of them", async () => {
  const once = (text: string): string => text.replace("decoupled: true", "decoupled: false");
  const plain = await startServer(
    repository([], {
      ...{ "repeat/1/.keep": "", "repeat/config.pbtxt": once(files["repeat/config.pbtxt"]) },
      ...{ "square/1/.keep": "", "square/config.pbtxt": once(files["square/config.pbtxt"]) },
    }),
  );
  const infer = (model: string, tensors: Readonly<Record<string, readonly number[]>>) =>
    plain.post(`/v2/models/${model}/infer`, {
      inputs: Object.entries(tensors).map(([name, data]) => ({
        ...{ name, data, shape: [data.length] },
        datatype: name === "IN" ? "INT32" : "UINT32",
      })),
    });
  try {
    expect(await infer("repeat", { IN: [7], DELAY: [20], WAIT: [0] })).toMatchObject({
      status: 200,
      body: {
        outputs: [
          { name: "OUT", data: [7] },
          { name: "IDX", data: [0] },
        ],
      },
    });
    expect(await infer("square", { IN: [1] })).toMatchObject({ status: 200, body: { outputs: [{ data: [1] }] } });
    for (const [model, tensors] of [
      ["repeat", { IN: [7, 8], DELAY: [0, 0], WAIT: [0] }],
      ["square", { IN: [2] }],
    ] as const)
      expect(await infer(model, tensors)).toEqual({
        status: 500,
        body: { error: "expected a single response, got 2" },
      });
  } finally {
    await plain.stop();
  }
});

// test_ragged_batch_allowed of qa/L0_sequence_batcher.
test("sequence sums all elements of a request, and answers with the sum in each", async () => {
  const ask = async (data: readonly number[], flags: object): Promise<unknown> => {
    const inputs = [{ name: "INPUT", shape: [1, data.length], datatype: "INT32", data }];
    const { body } = await server.post("/v2/models/wide/infer", { parameters: { sequence_id: 7, ...flags }, inputs });
    return (body as { outputs: unknown[] }).outputs[0];
  };
  expect(await ask([1, 1], { sequence_start: true })).toMatchObject({ shape: [1, 2], data: [2, 2] });
  expect(await ask([2, 2, 2], { sequence_end: true })).toMatchObject({ shape: [1, 3], data: [8, 8, 8] });
});

// As Triton's identity back end has it: the first instance delays once, each further one by its number times the multiplier.
test("instances of the identity back end delay by their number", async () => {
  const config = configOf({
    name: "late",
    backend: "identity",
    input: [{ name: "INPUT0", data_type: "TYPE_INT32", dims: [-1] }],
    output: [{ name: "OUTPUT0", data_type: "TYPE_INT32", dims: [-1] }],
    parameters: {
      execute_delay_ms: { string_value: "20" },
      instance_wise_delay_multiplier: { string_value: "5" },
    },
  });
  const model = await identityBackend.load({ config } as LoadContext);
  const order: number[] = [];
  const begun = performance.now();
  const run = async (instance: number): Promise<void> => {
    await model.execute([requestOf("1")], instance);
    order.push(instance);
    expect(performance.now() - begun).toBeGreaterThan(19 * Math.max(1, 5 * instance));
  };
  await Promise.all([run(2), run(1), run(0)]);
  expect(order).toEqual([0, 1, 2]);
  const bad = { ...config, parameters: { instance_wise_delay_multiplier: { string_value: "x" } } };
  await expect((async () => identityBackend.check!(bad))()).rejects.toThrow(
    "parameter `instance_wise_delay_multiplier` of model 'late' is 'x'; write an integer",
  );
});
