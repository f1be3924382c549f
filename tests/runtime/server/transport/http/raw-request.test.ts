/** A body that is one raw input. */
import { describe, expect, test } from "vitest";
import { rawRequest } from "#runtime/server/transport/http/raw-request.js";
import { configOf } from "../../scheduling/support.js";
import { caught } from "./support.js";

const signal = new AbortController().signal as never;

describe("a body without JSON", () => {
  const PREFIX = "INVALID_ARGUMENT [request id: <id_unknown>]";
  const input = (data_type: "TYPE_INT32" | "TYPE_STRING", dims: readonly number[]) => ({
    input: [{ name: "X", data_type, dims: [...dims] }],
  });
  const read = (bytes: number, init: Parameters<typeof configOf>[0]) =>
    rawRequest(Buffer.alloc(bytes, 7), configOf(init), signal);
  test.each([
    ["its fixed shape", 8, { ...input("TYPE_INT32", [2]), max_batch_size: 4 }, [1, 2]],
    ["its fixed shape without a batch", 8, input("TYPE_INT32", [2]), [2]],
    ["a dimension by its length", 24, { ...input("TYPE_INT32", [-1, 2]), max_batch_size: 4 }, [1, 3, 2]],
    ["an empty dimension", 0, input("TYPE_INT32", [-1]), [0]],
  ] as const)("becomes the input, of %s", (_, bytes, init, shape) => {
    const { request, isBinary } = read(bytes, init as never);
    expect(request).toMatchObject({ id: "", outputs: [], inputs: [{ name: "X", datatype: "INT32", shape }] });
    expect(request.inputs[0]!.data).toHaveLength(bytes);
    expect([request.parameters.size, isBinary("Y")]).toEqual([0, true]);
  });
  test("becomes one text", () => {
    const { request } = read(3, { ...input("TYPE_STRING", [1]), max_batch_size: 4 });
    expect(request.inputs[0]).toMatchObject({ datatype: "BYTES", shape: [1, 1] });
    expect([...(request.inputs[0]!.data as Buffer)]).toEqual([3, 0, 0, 0, 7, 7, 7]);
  });
  test.each([
    [
      "a model of two inputs",
      8,
      { input: [input("TYPE_INT32", [2]).input[0]!, { ...input("TYPE_INT32", [2]).input[0]!, name: "Y" }] },
      "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'm' model configuration",
    ],
    ["texts", 8, input("TYPE_STRING", [2]), "For BYTE datatype raw input 'X', the model must have input shape [1]"],
    [
      "two variable dimensions",
      8,
      input("TYPE_INT32", [-1, -1]),
      "The shape of the raw input 'X' can not be deduced because there are more than one variable-sized dimension",
    ],
    [
      "another size",
      12,
      input("TYPE_INT32", [2]),
      "input byte size mismatch for input 'raw_input' for model 'm'. Expected 8, got 12",
    ],
    [
      "a size between two",
      13,
      input("TYPE_INT32", [-1, 2]),
      "input byte size mismatch for input 'raw_input' for model 'm'. Expected 8, got 13",
    ],
  ] as const)("is refused for %s", (_, bytes, init, text) => {
    expect(caught(() => read(bytes, init as never))).toBe(`${PREFIX} ${text}`);
  });
  test("is refused for a model of no inputs", () => {
    expect(caught(() => read(8, { input: [] }))).toContain("but got 0 inputs");
  });
});
