import { expect, test } from "vitest";
import { readOnnxSignature } from "#formats/onnx/onnx.js";
import { lookUpsOf, type OnnxNode } from "#formats/onnx/onnx-lookups.js";
import { otherModel } from "#formats/onnx/other-model.js";

const node = (op: string, inputs: string[], output: string, axis = 0): OnnxNode => ({
  op,
  inputs,
  outputs: [output],
  axis,
});
const tables = new Map([["table", 5]]);

test("an input that is a row number, straight or past what leaves values as they are", () => {
  const straight = [node("Gather", ["table", "id"], "vector")];
  expect(lookUpsOf(straight, ["id"], tables)).toEqual([{ input: "id", table: "table", rows: 5 }]);
  const cast = [
    node("Unsqueeze", ["id", "axes"], "a"),
    node("Cast", ["a"], "b"),
    node("Gather", ["table", "b"], "vector"),
  ];
  expect(lookUpsOf(cast, ["id"], tables)).toEqual([{ input: "id", table: "table", rows: 5 }]);
});

test.each([
  ["values that change on the way", [node("Clip", ["id", "", "four"], "c"), node("Gather", ["table", "c"], "v")]],
  ["another axis", [node("Gather", ["table", "id"], "v", 1)]],
  ["an axis that is no small number", [node("Gather", ["table", "id"], "v", Number.NaN)]],
  ["a table that is no weights", [node("Gather", ["made", "id"], "v")]],
  ["an operator that only sounds like it", [node("GatherND", ["table", "id"], "v")]],
  ["a node that comes too late", [node("Gather", ["table", "b"], "v"), node("Cast", ["id"], "b")]],
])("not %s", (_, nodes) => {
  expect(lookUpsOf(nodes, ["id"], tables)).toEqual([]);
});

const head = (...parts: (string | number[])[]): Uint8Array =>
  Buffer.concat(parts.map(part => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))));

test.each([
  ["zip", head("PK\x03\x04", new Array<number>(60).fill(0)), /PyTorch/],
  ["Keras", head("PK\x03\x04", new Array<number>(26).fill(0), "metadata.json"), /Keras/],
  ["pickle", head([0x80, 2], "ctorch"), /pickle/],
  ["HDF5", head("\x89HDF\r\n\x1a\n"), /HDF5/],
  ["TensorFlow Lite", head([28, 0, 0, 0], "TFL3"), /Lite/],
  ["safetensors", head([64, 1, 0, 0, 0, 0, 0, 0], '{"a":'), /safetensors/],
  ["JSON", head('{"learner":{'), /predictForest/],
])("a file that is %s says so", (_, bytes, what) => {
  const found = otherModel(bytes);
  expect(`${found?.what} ${found?.way}`).toMatch(what);
  expect(() => readOnnxSignature(bytes, "x")).toThrow(/x is not an ONNX model: it is/);
});

test("a file of no known format is still named as damaged", () => {
  expect(otherModel(head([8, 8, 0x12, 7], "pytorch"))).toBeUndefined();
  expect(otherModel(new Uint8Array(0))).toBeUndefined();
});
