/**
 * Implicit state whose dimensions vary, on an ONNX model whose state grows with each request. Sequences at different steps have states of
 * different shapes, and empty slots of a batch have the shape of the others.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository, startServer } from "../support.js";

const config = (strategy: string): string => `backend: "onnxruntime" max_batch_size: 4
  input [ { name: "INPUT" data_type: TYPE_FP32 dims: [1] } ] output [ { name: "OUTPUT" data_type: TYPE_FP32 dims: [1] } ]
  sequence_batching { ${strategy}
    control_input [ { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY fp32_false_true: [ 0, 1 ] } ] } ]
    state [ { input_name: "INPUT_STATE" output_name: "OUTPUT_STATE" data_type: TYPE_FP32 dims: [-1] } ] }`;
const graph = readFileSync(new URL("../../../fixtures/ragged/growing_state.onnx", import.meta.url));
const files = {
  "direct/config.pbtxt": config("direct { max_queue_delay_microseconds: 20000 minimum_slot_utilization: 0.5 }"),
  "direct/1/model.onnx": graph,
  "oldest/config.pbtxt": config(
    "oldest { max_candidate_sequences: 4 preferred_batch_size: [ 2 ] max_queue_delay_microseconds: 20000 }",
  ),
  "oldest/1/model.onnx": graph,
};

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(repository([], files));
});
afterAll(() => server.stop());

test.each(["direct", "oldest"])("%s: sequences at different steps keep their states", async model => {
  const step = async (sequence: number, value: number, start = false, end = false): Promise<unknown> => {
    const { body } = await server.post(`/v2/models/${model}/infer`, {
      parameters: { sequence_id: sequence, sequence_start: start, sequence_end: end },
      inputs: [{ name: "INPUT", shape: [1, 1], datatype: "FP32", data: [value] }],
    });
    return (body as { outputs?: { data: number[] }[] }).outputs?.[0]?.data[0] ?? body;
  };
  // One alone, in the first slot.
  expect(await step(1, 1, true)).toBe(1);
  expect(await step(1, 2)).toBe(3);
  // Others begin: their states are shorter.
  expect(await Promise.all([step(1, 4), step(2, 10, true), step(3, 100, true)])).toEqual([7, 10, 100]);
  expect(await Promise.all([step(2, 20), step(3, 200)])).toEqual([30, 300]);
  expect(await Promise.all([step(1, 8, false, true), step(3, 400, false, true), step(2, 40, false, true)])).toEqual([
    15, 700, 70,
  ]);
  // A new sequence begins with a state of its own.
  expect(await step(3, 5, true, true)).toBe(5);
});
