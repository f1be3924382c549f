/** Models that are written here are read as they are: tensors, operator set, look-ups in tables of weights, and parts of other files. Lists of dimensions have each form. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import {
  bytesMember,
  fixed32Member,
  fixed64Member,
  message,
  stringMember,
  varint,
  varintMember,
} from "#formats/bytes/wire-writer.js";
import { readOnnxSignature, readOnnxWithLookUps } from "#formats/onnx/onnx.js";
import { type OnnxModel, printOnnxModel } from "#formats/onnx/onnx-model.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-onnx-"));
afterAll(() => rmSync(folder, { recursive: true }));
let written = 0;
function lookUps(bytes: Uint8Array) {
  const file = join(folder, `${written++}.onnx`);
  writeFileSync(file, bytes);
  return readOnnxWithLookUps(file).lookUps;
}
const zeros = (shape: readonly number[]) => ({
  dtype: "float32" as const,
  shape,
  values: new Float32Array(shape.reduce((product, dim) => product * dim, 1)),
});
const gathers = (constants: OnnxModel["constants"], axis?: number): OnnxModel => ({
  ...{ name: "g", opsets: { "": 17 } },
  inputs: [{ name: "id", dtype: "int64", shape: ["batch"] }],
  outputs: [{ name: "vector", dtype: "float32", shape: ["batch", 2] }],
  nodes: [
    {
      ...{ op: "Gather", inputs: ["table", "id"], outputs: ["vector"] },
      ...(axis !== undefined && { attributes: { axis: { int: axis } } }),
    },
  ],
  ...(constants && { constants }),
});

test("tensors and the operator set", () => {
  const dim = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom("batch", "n"));
  const tensor = fc.record({
    dtype: fc.constantFrom("float32", "int64", "string", "bool", "float16"),
    shape: fc.array(dim, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(tensor, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 30 }), (tensors, opset) => {
      const named = tensors.map((of, i) => ({ name: `t${i}`, ...of })) as OnnxModel["inputs"];
      const bytes = printOnnxModel({
        ...gathers({}),
        inputs: named,
        outputs: [...named].reverse(),
        opsets: { "ai.onnx.ml": 3, "": opset },
      });
      const read = readOnnxSignature(bytes);
      expect([read.inputs, read.outputs, read.opset, read.externalData, read.lookUps]).toEqual([
        named,
        [...named].reverse(),
        opset,
        [],
        undefined,
      ]);
    }),
  );
});

describe("look-ups", () => {
  test.each([
    [[7, 2], 7],
    [[300, 2], 300],
    [[5], 5],
    [[1, 9], 1],
    [[], 1],
  ])("a table of shape %j has %i rows", (shape, rows) => {
    expect(lookUps(printOnnxModel(gathers({ table: zeros(shape) })))).toEqual([{ input: "id", table: "table", rows }]);
  });
  test("are along the first axis, written or not", () => {
    const of = (axis?: number) => lookUps(printOnnxModel(gathers({ table: zeros([7, 2]) }, axis)));
    expect([of(), of(0), of(1)].map(found => found!.length)).toEqual([1, 1, 0]);
  });
  test("are in weights alone", () => {
    expect(lookUps(printOnnxModel(gathers({ other: zeros([7]) })))).toEqual([]);
  });

  /** A graph as another program may write it; fields of ModelProto, GraphProto, NodeProto, TensorProto, in this order. */
  const model = (tensor: Uint8Array): Uint8Array => {
    const value = (name: string): Uint8Array => stringMember(1, name);
    const node = message(
      stringMember(1, "table"),
      stringMember(1, "id"),
      stringMember(2, "vector"),
      stringMember(4, "Gather"),
    );
    const graph = message(
      ...[bytesMember(1, node), bytesMember(5, tensor), bytesMember(11, value("id")), bytesMember(11, value("table"))],
      bytesMember(12, value("vector")),
    );
    return message(varintMember(1, 8), bytesMember(7, graph), bytesMember(8, message(varintMember(2, 17))));
  };
  const name = stringMember(8, "table");
  test("have the same table whether its dimensions are packed or not, and wherever its name is", () => {
    const packed = bytesMember(1, Buffer.concat([varint(300), varint(2)]));
    const plain = [varintMember(1, 300), varintMember(1, 2)];
    for (const parts of [
      [packed, name],
      [name, packed],
      [...plain, name],
      [name, ...plain],
    ]) {
      const bytes = model(message(...parts));
      expect(lookUps(bytes)).toEqual([{ input: "id", table: "table", rows: 300 }]);
      // Weights among the inputs are none.
      expect(readOnnxSignature(bytes).inputs.map(input => input.name)).toEqual(["id"]);
    }
  });
});

test("fields that are newer than this reader are skipped, of every kind and in every message", () => {
  const unknown = [
    varintMember(900, 2n ** 40n),
    bytesMember(901, Buffer.from([8, 1, 18, 200])),
    fixed32Member(902, 1.5),
    fixed64Member(903, 2.5),
  ];
  /** Messages with an unknown field at their end, those whose place is chosen. */
  const build = (chosen: (place: number) => readonly Uint8Array[]): Uint8Array => {
    let place = 0;
    const of = (...fields: readonly Uint8Array[]): Uint8Array => message(...fields, ...chosen(place++));
    const dim = (value: Uint8Array): Uint8Array => bytesMember(1, of(value));
    const shape = (...dims: readonly Uint8Array[]): Uint8Array => bytesMember(2, of(...dims));
    const value = (name: string, type: number, ...dims: readonly Uint8Array[]): Uint8Array =>
      of(stringMember(1, name), bytesMember(2, of(bytesMember(1, of(varintMember(1, type), shape(...dims))))));
    const attribute = of(stringMember(1, "axis"), varintMember(20, 2), varintMember(3, 0));
    const inputs = [stringMember(1, "table"), stringMember(1, "id")];
    const node = of(...inputs, stringMember(2, "vector"), stringMember(4, "Gather"), bytesMember(5, attribute));
    const entry = (key: string, text: string): Uint8Array =>
      bytesMember(13, of(stringMember(1, key), stringMember(2, text)));
    const place1 = [entry("location", "w.bin"), entry("offset", "8"), entry("length", "56")];
    const tensor = of(varintMember(1, 7), varintMember(1, 2), varintMember(2, 1), stringMember(8, "table"), ...place1);
    const id = value("id", 7, dim(stringMember(2, "batch")));
    const vector = value("vector", 1, dim(stringMember(2, "batch")), dim(varintMember(1, 2)));
    const graph = of(bytesMember(1, node), bytesMember(5, tensor), bytesMember(11, id), bytesMember(12, vector));
    const opset = of(stringMember(1, ""), varintMember(2, 17));
    const model = of(varintMember(1, 8), bytesMember(7, graph), bytesMember(8, opset));
    places = place;
    return model;
  };
  let places = 0;
  const plain = readOnnxSignature(build(() => []));
  expect(plain).toMatchObject({
    inputs: [{ name: "id", dtype: "int64", shape: ["batch"] }],
    outputs: [{ name: "vector", dtype: "float32", shape: ["batch", 2] }],
    ...{ opset: 17, externalParts: [{ tensor: "table", location: "w.bin", offset: 8, length: 56, bytes: 56 }] },
  });
  const found = lookUps(build(() => []));
  expect(found).toEqual([{ input: "id", table: "table", rows: 7 }]);
  expect(places).toBeGreaterThan(15);
  for (let at = 0; at < places; at++)
    for (const field of unknown) {
      const bytes = build(place => (place === at ? [field] : []));
      expect([at, readOnnxSignature(bytes), lookUps(bytes)]).toEqual([at, plain, found]);
    }
});

test("weights beside the model: where they are, and the bytes that their shape takes", () => {
  const external = { location: "w.bin", offset: 64, length: 56 };
  const part = { ...external, tensor: "table" };
  const of = (shape: readonly number[], dtype: "float32" | "int64" = "float32") =>
    readOnnxSignature(printOnnxModel(gathers({ table: { dtype, shape, values: [], external }, other: zeros([2]) })))
      .externalParts;
  expect(of([7, 2])).toEqual([{ ...part, bytes: 56 }]);
  expect(of([7], "int64")).toEqual([{ ...part, bytes: 56 }]);
  expect(of([])).toEqual([{ ...part, bytes: 4 }]);
});
