/**
 * Iterative sequences: the model runs one request repeatedly, with its state, and others run between.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { repository, startServer } from "../support.js";

const control = `control_input [ { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] } ]`;
const state = `state [ { input_name: "IN_STATE" output_name: "OUT_STATE" data_type: TYPE_INT32 dims: [1] initial_state { name: "zero" data_type: TYPE_INT32 dims: [1] zero_data: true } } ]`;
const config = (
  name: string,
  iterative: boolean,
  more = "",
): string => `name: "${name}" backend: "javascript" max_batch_size: 4
input [ { name: "N" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "SUM" data_type: TYPE_INT32 dims: [1] } ]
sequence_batching { ${iterative ? "iterative_sequence: true" : ""} ${control} ${state} } ${more}`;
/** Adds 1 to its state until it has run N times; START must be on the first time only. */
const model = `
  export function execute(requests) {
    const answers = requests.map(request => {
      const { N, START, IN_STATE } = request.inputs;
      const runs = IN_STATE.data[0] + 1;
      if (START.data[0] !== (runs === 1 ? 1 : 0)) return { error: "START is " + START.data[0] + " in run " + runs };
      const outputs = [
        { ...IN_STATE, name: "SUM", data: [runs * 10] },
        { ...IN_STATE, name: "OUT_STATE", data: [runs] },
      ];
      if (runs < N.data[0]) request.reschedule();
      return { outputs };
    });
    return answers;
  }`;
const files = {
  "count/config.pbtxt": config("count", true),
  "count/1/model.mjs": model,
  "plain/config.pbtxt": config("plain", false),
  "plain/1/model.mjs": model,
  "words/config.pbtxt": `name: "words" backend: "javascript" max_batch_size: 4
    input [ { name: "N" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "SUM" data_type: TYPE_INT32 dims: [1] } ]
    sequence_batching { iterative_sequence: true ${control} } model_transaction_policy { decoupled: true }`,
  "words/1/model.mjs": `
    const left = new Map();
    export function execute(requests) {
      for (const request of requests) {
        const { N } = request.inputs;
        const id = request.correlationId;
        const runs = (left.get(id) ?? 0) + 1;
        left.set(id, runs);
        request.send({ outputs: [{ ...N, name: "SUM", data: [runs] }] });
        if (runs < N.data[0]) request.reschedule();
      }
    }`,
};

let server: Awaited<ReturnType<typeof startServer>>;
beforeEach(async () => {
  server = await startServer(repository([], files));
});
afterEach(() => server.stop());

const ask = async (name: string, n: number, parameters: Readonly<Record<string, unknown>> = {}) => {
  const { status, body } = await server.post(`/v2/models/${name}/infer`, {
    parameters,
    inputs: [{ name: "N", shape: [1, 1], datatype: "INT32", data: [n] }],
  });
  const { error, outputs } = body as { error?: string; outputs?: { name: string; data: number[] }[] };
  return status === 200 ? outputs!.find(({ name }) => name === "SUM")!.data[0] : error;
};

test("a request runs again with its state until the model answers, without a correlation id", async () => {
  expect(await ask("count", 1)).toBe(10);
  expect(await ask("count", 5)).toBe(50);
  expect(await Promise.all([ask("count", 3), ask("count", 6), ask("count", 1)])).toEqual([30, 60, 10]);
  const { body } = await server.json("/v2/models/count/stats");
  expect((body as { model_stats: unknown[] }).model_stats[0]).toMatchObject({ inference_count: 5 });
});

test("a decoupled model answers in every run", async () => {
  const response = await fetch(`${server.http}/v2/models/words/generate_stream`, {
    method: "POST",
    body: JSON.stringify({ N: 4 }),
  });
  const values = [...(await response.text()).matchAll(/"SUM":(\d+)/g)].map(([, value]) => Number(value));
  expect(values).toEqual([1, 2, 3, 4]);
});
