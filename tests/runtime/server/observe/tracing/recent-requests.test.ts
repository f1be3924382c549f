/**
 * The ring of the last requests: its bounds, heads of tensors, ensembles' members, streams, faults, and no ring unless enabled.
 */
import { expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { serve } from "#runtime/server/index.js";
import { printHead } from "#runtime/server/observe/tracing/print-head.js";
import { createRecentRequests } from "#runtime/server/observe/tracing/recent-requests.js";
import type { WireType } from "#triton-protos/datatype.js";
import { until } from "../../../../run/wait.js";
import { repository } from "../../support.js";

const here = { address: "127.0.0.1", port: 0 };

test("keeps N, records N per second, and counts the others", () => {
  const recent = createRecentRequests({ most: 3, perSecond: 5 });
  let noted = 0;
  for (let i = 0; i < 20; i++) {
    const trace = recent.sample("m");
    trace.begin("m", 1, `r${i}`);
    trace.stamp("REQUEST_START");
    if (i % 4 === 0) trace.fail("no");
    trace.stamp("REQUEST_END");
    trace.child().end();
    trace.end();
    trace.end();
    if (trace.levels.timestamps) noted++;
  }
  // The second may turn within the loop.
  expect([5, 10]).toContain(noted);
  expect(recent.unseen).toBe(20 - noted);
  expect(recent.list()).toHaveLength(3);
  expect(recent.list()[0]!.id).toBe(recent.newest);
  expect(recent.find(1)).toBeUndefined();
  // All of them are counted, whether they were noted or not.
  for (const model of [undefined, "m"])
    expect(recent.history(model)!.whole).toMatchObject({ requests: 20, failures: 5 });
  expect(recent.history("other")).toBeUndefined();
});

test("the outcome is the output with items, though a score or an offset precedes it", () => {
  const recent = createRecentRequests();
  const output = (name: string, datatype: WireType) => ({ name, datatype, shape: [1, 2], data: new Uint8Array(16) });
  const outcomeOf = (...outputs: ReturnType<typeof output>[]) => {
    const trace = recent.sample("m");
    trace.note("TENSOR_BACKEND_OUTPUT", outputs);
    trace.end();
    return recent.list()[0]!.answer?.output;
  };
  const [propensity, offsets] = [output("list_propensity", "FP64"), output("ids__offsets", "INT32")];
  expect(outcomeOf(propensity, offsets, output("ids__values", "INT64"))).toBe("ids__values");
  expect(outcomeOf(propensity, output("titles", "BYTES"))).toBe("titles");
  expect(outcomeOf(propensity)).toBe("list_propensity");
});

test("shows the first elements of each type, whatever was cut", () => {
  const head = (datatype: WireType, shape: number[], data: Uint8Array) =>
    printHead({ name: "x", datatype, shape, data }).values;
  const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  expect(head("FP32", [9], bytes(Float32Array.of(1, Number.NaN, -0)))).toEqual([1, "NaN", -0]);
  expect(head("INT64", [9], bytes(BigInt64Array.of(7n, 2n ** 60n)).subarray(0, 15))).toEqual([7]);
  expect(head("INT64", [9], bytes(BigInt64Array.of(2n ** 60n)))).toEqual(["1152921504606846976"]);
  expect(head("FP16", [1], bytes(Uint16Array.of(0x3c00)))).toEqual([1]);
  expect(head("BF16", [1], bytes(Uint16Array.of(0x3f80)))).toEqual([1]);
  expect(head("BOOL", [2], Uint8Array.of(1, 0))).toEqual([true, false]);
  const texts = Buffer.concat(
    ["ab", "", "cde"].flatMap(text => [Buffer.from(Uint32Array.of(text.length).buffer), Buffer.from(text)]),
  );
  expect(head("BYTES", [3], texts)).toEqual(["ab", "", "cde"]);
  expect(head("BYTES", [3], texts.subarray(0, texts.length - 1))).toEqual(["ab", ""]);
  expect(head("BYTES", [1], texts.subarray(0, 5))).toEqual(["a…"]);
  expect(head("BYTES", [1], new Uint8Array())).toEqual([]);
  const marked = Buffer.from("\ufeffa");
  expect(head("BYTES", [1], Buffer.concat([Uint8Array.of(marked.length, 0, 0, 0), marked]))).toEqual(["\ufeffa"]);
});

test("a stream's responses are outputs, over gRPC and generate_stream; nothing is kept unless enabled", async () => {
  const config = `backend: "mock" model_transaction_policy { decoupled: true } input [ { name: "X" data_type: TYPE_FP32 dims: [1] } ] output [ { name: "Y" data_type: TYPE_FP32 dims: [1] } ]`;
  const mock = '{"outputs":{"Y":"echo"},"stream":{"answers":3}}';
  const folder = repository([], { "many/config.pbtxt": config, "many/mock.json": mock, "many/1/.keep": "" });
  const options = { modelRepositories: [folder], http: here, grpc: here, metrics: false, writeLog: () => {} } as const;
  const server = await serve({ ...options, recentRequests: {} });
  const plain = await serve(options);
  try {
    expect(plain.recent).toBeUndefined();
    const client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
    for await (const _ of client.stream("many", { X: [5] } as never)) void _;
    await client.close();
    const at = `http://127.0.0.1:${server.ports.http}/v2/models/many/generate_stream`;
    await (await fetch(at, { method: "POST", body: '{"X":6}' })).text();
    await (await fetch(at, { method: "POST", body: '{"Z":6}' })).text();
    await until("three are kept", () => server.recent!.list().length >= 3);
    const details = server.recent!.list().map(({ id }) => server.recent!.find(id)!);
    expect(
      details.map(({ protocol, fault, outputs }) => [protocol, fault !== undefined, outputs.map(o => o.values)]),
    ).toEqual([
      ["HTTP", true, []],
      ["HTTP", false, [[6], [6], [6]]],
      ["gRPC", false, [[5], [5], [5]]],
    ]);
  } finally {
    await server.stop();
    await plain.stop();
  }
});
