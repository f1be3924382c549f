/**
 * Ragged batches: the side inputs that the server makes of them, kind by kind, and outputs that are cut by the shape of an input.
 */
import { expect, test } from "vitest";
import { joinInputs, scatter } from "#runtime/server/backends/join-batch.js";
import type { BackendRequest } from "#runtime/server/contract.js";
import { configOf, requestOf } from "../scheduling/support.js";

/** Requests of one row each, with 2, 4 and 1 elements. */
const requests: readonly BackendRequest[] = [2, 4, 1].map((width, i) => requestOf(String(i + 1), { width }));
type Kind = NonNullable<Parameters<typeof configOf>[0]["batch_input"]>[number]["kind"];
const ragged = (kind: Kind, data_type: "TYPE_INT32" | "TYPE_FP32" = "TYPE_INT32") =>
  configOf({
    max_batch_size: 8,
    input: [{ name: "IN", data_type: "TYPE_INT32", dims: [-1], allow_ragged_batch: true }],
    batch_input: [{ kind, data_type, target_name: ["EXTRA"], source_input: ["IN"] }],
  });
const extra = (kind: Kind, type: "TYPE_INT32" | "TYPE_FP32" = "TYPE_INT32") => {
  const { datatype, shape, data } = joinInputs(requests, ragged(kind, type)).get("EXTRA")!;
  const values = type === "TYPE_FP32" ? new Float32Array(data.slice().buffer) : new Int32Array(data.slice().buffer);
  return { datatype, shape, values: [...values] };
};

test("a ragged input is in one row, without padding", () => {
  const joined = joinInputs(requests, ragged("BATCH_ELEMENT_COUNT")).get("IN")!;
  expect(joined.shape).toEqual([7]);
  expect([...new Int32Array(joined.data.slice().buffer)]).toEqual([1, 1, 2, 2, 2, 2, 3]);
});

test.each([
  ["BATCH_ELEMENT_COUNT", [3], [2, 4, 1]],
  ["BATCH_ACCUMULATED_ELEMENT_COUNT", [3], [2, 6, 7]],
  ["BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO", [4], [0, 2, 6, 7]],
  ["BATCH_MAX_ELEMENT_COUNT_AS_SHAPE", [4], [0, 0, 0, 0]],
  ["BATCH_ITEM_SHAPE", [3, 1], [2, 4, 1]],
  ["BATCH_ITEM_SHAPE_FLATTEN", [3], [2, 4, 1]],
] as const)("%s", (kind, shape, values) => {
  expect(extra(kind)).toEqual({ datatype: "INT32", shape, values });
  expect(extra(kind, "TYPE_FP32")).toEqual({ datatype: "FP32", shape, values });
});

test("an output is cut by the shape of each request's input, whatever shape it has itself", () => {
  const whole = {
    name: "OUT",
    datatype: "FP32" as const,
    shape: [1, 7],
    data: new Uint8Array(Float32Array.from([1, 2, 3, 4, 5, 6, 7]).buffer),
  };
  const pieces = requests.map((_, i) => scatter(whole, requests, i, "IN", [-1]));
  expect(pieces.map(({ shape, data }) => [shape, [...new Float32Array(data.slice().buffer)]])).toEqual([
    [
      [1, 2],
      [1, 2],
    ],
    [
      [1, 4],
      [3, 4, 5, 6],
    ],
    [[1, 1], [7]],
  ]);
  expect(() => scatter({ ...whole, shape: [6] }, requests, 0, "IN", [-1])).toThrow(
    "output 'OUT' has 6 elements, and the shapes of 'IN' in the batch call for 7",
  );
});
