// ONNX files that are written, decoded by protobufjs with the messages of onnx.proto: every kind of attribute, constant, name and shape, and limits.
import fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, test } from "vitest";
import {
  constantBytes,
  ONNX_LIMIT,
  type OnnxAttribute,
  type OnnxConstant,
  type OnnxModel,
  OnnxTooLargeError,
  printOnnxModel,
} from "#formats/onnx/onnx-model.js";
import { type DType, datatype } from "#triton-protos/datatype.js";

/** The part of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto that is written; texts of `bytes` fields are texts here. */
const PROTO = `syntax = "proto2";
  message Attribute {
    optional string name = 1; optional int32 type = 20; optional float f = 2; optional int64 i = 3; optional string s = 4;
    optional Tensor t = 5; repeated float floats = 7; repeated int64 ints = 8; repeated string strings = 9;
  }
  message ValueInfo { optional string name = 1; optional Type type = 2; }
  message Type { optional TensorType tensor_type = 1; }
  message TensorType { optional int32 elem_type = 1; optional Shape shape = 2; }
  message Shape { repeated Dimension dim = 1; }
  message Dimension { optional int64 dim_value = 1; optional string dim_param = 2; }
  message Node {
    repeated string input = 1; repeated string output = 2; optional string name = 3; optional string op_type = 4;
    repeated Attribute attribute = 5; optional string domain = 7;
  }
  message Model {
    optional int64 ir_version = 1; optional string producer_name = 2; optional Graph graph = 7;
    repeated Opset opset_import = 8; repeated Entry metadata_props = 14;
  }
  message Opset { optional string domain = 1; optional int64 version = 2; }
  message Entry { optional string key = 1; optional string value = 2; }
  message Graph {
    repeated Node node = 1; optional string name = 2; repeated Tensor initializer = 5; repeated ValueInfo input = 11;
    repeated ValueInfo output = 12;
  }
  message Tensor {
    repeated int64 dims = 1; optional int32 data_type = 2; repeated string string_data = 6; optional string name = 8;
    optional bytes raw_data = 9; repeated Entry external_data = 13; optional int32 data_location = 14;
  }`;
const { root } = protobuf.parse(PROTO, { keepCase: true });
const MODEL = root.lookupType("Model");
/** Fields that are set; numbers of 64 bits as texts. */
function decoded(bytes: Uint8Array): Record<string, unknown> {
  const message = MODEL.decode(bytes);
  return MODEL.toObject(message, { longs: String, bytes: Array }) as Record<string, unknown>;
}
const encoded = (type: string, of: object): Uint8Array => root.lookupType(type).encode(of).finish();

const EMPTY: OnnxModel = { name: "g", opsets: {}, inputs: [], outputs: [], nodes: [] };
const graphOf = (model: Partial<OnnxModel>) =>
  decoded(printOnnxModel({ ...EMPTY, ...model })).graph as Record<string, unknown>;

describe("a model", () => {
  test("has its versions, its operator sets in order, and its metadata", () => {
    expect(decoded(printOnnxModel(EMPTY))).toEqual({ ir_version: "8", producer_name: "merlon", graph: { name: "g" } });
    const opsets = { "": 17, "ai.onnx.ml": 3 };
    const metadata = { b: "é", a: "" };
    expect(decoded(printOnnxModel({ ...EMPTY, irVersion: 10, opsets, metadata }))).toEqual({
      ...{ ir_version: "10", producer_name: "merlon", graph: { name: "g" } },
      opset_import: [
        { domain: "", version: "17" },
        { domain: "ai.onnx.ml", version: "3" },
      ],
      metadata_props: [
        { key: "b", value: "é" },
        { key: "a", value: "" },
      ],
    });
  });
  test("has inputs and outputs with their types and dimensions", () => {
    const dtypes: Readonly<Partial<Record<DType, number>>> = {
      ...{ float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8, bool: 9, float16: 10 },
      ...{ float64: 11, uint32: 12, uint64: 13, bfloat16: 16 },
    };
    const names = Object.keys(dtypes) as DType[];
    const inputs = names.map(dtype => ({ name: `in ${dtype}`, dtype, shape: [] }));
    const outputs = [{ name: "y", dtype: "int64" as const, shape: ["batch", 3, 0, 2 ** 40, "n"] }];
    const { input, output } = graphOf({ inputs, outputs });
    expect(input).toEqual(
      names.map(dtype => ({
        name: `in ${dtype}`,
        type: { tensor_type: { elem_type: dtypes[dtype], shape: {} } },
      })),
    );
    const dim = [
      { dim_param: "batch" },
      { dim_value: "3" },
      { dim_value: "0" },
      { dim_value: `${2 ** 40}` },
      { dim_param: "n" },
    ];
    expect(output).toEqual([{ name: "y", type: { tensor_type: { elem_type: 7, shape: { dim } } } }]);
  });
});

describe("a node", () => {
  test("has a name of its operator and place, unless it has its own, and a domain, unless it is the default", () => {
    const raw = encoded("Node", { op_type: "Raw", input: ["r"] });
    const { node } = graphOf({
      nodes: [
        { op: "Add", inputs: ["a", ""], outputs: ["b", "c"] },
        { raw },
        { op: "Mul", domain: "com.x", name: "own", inputs: [], outputs: ["d"] },
        { op: "Mul", domain: "", inputs: [], outputs: [] },
      ],
    });
    expect(node).toEqual([
      { op_type: "Add", name: "Add_0", input: ["a", ""], output: ["b", "c"] },
      { op_type: "Raw", input: ["r"] },
      { op_type: "Mul", name: "own", domain: "com.x", output: ["d"] },
      { op_type: "Mul", name: "Mul_3" },
    ]);
  });
  const attribute = (of: OnnxAttribute) => {
    const { node } = graphOf({ nodes: [{ op: "X", inputs: [], outputs: [], attributes: { a: of } }] });
    return (node as readonly { readonly attribute: readonly unknown[] }[])[0]!.attribute;
  };
  test("has attributes of each kind, with the kind's number", () => {
    expect(attribute({ float: 0.5 })).toEqual([{ name: "a", type: 1, f: 0.5 }]);
    expect(attribute({ float: 0 })).toEqual([{ name: "a", type: 1, f: 0 }]);
    expect(attribute({ int: -3 })).toEqual([{ name: "a", type: 2, i: "-3" }]);
    expect(attribute({ int: 2n ** 63n - 1n })).toEqual([{ name: "a", type: 2, i: "9223372036854775807" }]);
    expect(attribute({ text: "é" })).toEqual([{ name: "a", type: 3, s: "é" }]);
    expect(attribute({ tensor: { dtype: "uint8", shape: [2], values: [1, 2] } })).toEqual([
      { name: "a", type: 4, t: { name: "a", data_type: 2, dims: ["2"], raw_data: [1, 2] } },
    ]);
    expect(attribute({ floats: Float32Array.of(1, -0.5) })).toEqual([{ name: "a", type: 6, floats: [1, -0.5] }]);
    expect(attribute({ floats: [] })).toEqual([{ name: "a", type: 6 }]);
    expect(attribute({ ints: [1, -(2 ** 40)] })).toEqual([{ name: "a", type: 7, ints: ["1", `${-(2 ** 40)}`] }]);
    expect(attribute({ ints: BigInt64Array.of(-(2n ** 63n)) as never })).toEqual([
      { name: "a", type: 7, ints: ["-9223372036854775808"] },
    ]);
    expect(attribute({ texts: ["x", "", "é"] })).toEqual([{ name: "a", type: 8, strings: ["x", "", "é"] }]);
  });
});

describe("a constant", () => {
  const initializer = (constants: OnnxModel["constants"], rawConstants?: OnnxModel["rawConstants"]) =>
    graphOf({ ...(constants && { constants }), ...(rawConstants && { rawConstants }) }).initializer;

  const numbers: fc.Arbitrary<OnnxConstant & { readonly raw: Uint8Array }> = fc
    .constantFrom<DType>("bool", "uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64", "float16")
    .chain(dtype =>
      fc.array(fc.nat({ max: dtype === "bool" ? 1 : 100 }), { maxLength: 5 }).map(values => {
        const { bytes, kind } = datatype(dtype);
        const raw = Buffer.alloc(bytes * values.length);
        values.forEach((value, i) => {
          // Values of float16 are its bits.
          if (kind !== "float" || dtype === "float16") raw.writeUIntLE(value, i * bytes, bytes);
          else if (bytes === 4) raw.writeFloatLE(value, i * bytes);
          else raw.writeDoubleLE(value, i * bytes);
        });
        return { dtype, shape: [values.length], values, raw };
      }),
    );
  test("of numbers has its bytes, little-endian, from a list or from an array of its type", () => {
    fc.assert(
      fc.property(numbers, ({ raw, ...constant }) => {
        const { dtype, values } = constant;
        const { array, onnx } = datatype(dtype);
        const typed = (array as Float64ArrayConstructor).from(values as number[]);
        const tensor = {
          ...{ name: "c", dims: [`${values.length}`], data_type: onnx, raw_data: [...raw] },
        };
        expect(initializer({ c: constant })).toEqual([tensor]);
        expect(initializer({ c: { ...constant, values: typed } })).toEqual([tensor]);
        // An array of the type is not copied, wherever it is in its buffer.
        const inside = (array as Float64ArrayConstructor).from([1, ...typed, 1]).subarray(1, 1 + typed.length);
        const bytes = constantBytes(dtype, inside);
        expect([bytes.buffer === inside.buffer, [...bytes]]).toEqual([true, [...raw]]);
      }),
      { numRuns: 60 },
    );
  });
  test("of integers of 64 bits has them exactly, from numbers, from bigints and from an array", () => {
    const bytes = (...all: readonly bigint[]) => [
      ...new Uint8Array(BigUint64Array.from(all, n => BigInt.asUintN(64, n)).buffer),
    ];
    expect([...constantBytes("int64", [1, -(2 ** 40)])]).toEqual(bytes(1n, -(2n ** 40n)));
    expect([...constantBytes("int64", [-(2n ** 63n)])]).toEqual(bytes(-(2n ** 63n)));
    expect([...constantBytes("int64", BigInt64Array.of(-1n, 2n))]).toEqual(bytes(-1n, 2n));
    expect([...constantBytes("uint64", [7, 2 ** 53])]).toEqual(bytes(7n, 2n ** 53n));
    expect([...constantBytes("uint64", [2n ** 64n - 1n])]).toEqual(bytes(-1n));
    expect([...constantBytes("uint64", BigUint64Array.of(2n ** 64n - 1n))]).toEqual(bytes(-1n));
    // An array of another type is converted.
    expect([...constantBytes("float64", Float32Array.of(0.5))]).toEqual([
      ...new Uint8Array(Float64Array.of(0.5).buffer),
    ]);
  });
  test("of texts has them, and one of another file where they are", () => {
    expect(initializer({ t: { dtype: "string", shape: [2, 1], values: ["é", ""] } })).toEqual([
      { name: "t", data_type: 8, dims: ["2", "1"], string_data: ["é", ""] },
    ]);
    const external = { location: "w.bin", offset: 4096, length: 12 };
    expect(initializer({ w: { dtype: "float32", shape: [3], values: [], external } })).toEqual([
      {
        ...{ name: "w", data_type: 1, dims: ["3"], data_location: 1 },
        external_data: [
          { key: "location", value: "w.bin" },
          { key: "offset", value: "4096" },
          { key: "length", value: "12" },
        ],
      },
    ]);
  });
});

describe("a graph that one message cannot hold", () => {
  const refusal = (model: Partial<OnnxModel>, limit: number): string => {
    try {
      printOnnxModel({ ...EMPTY, ...model }, limit);
      return "printed";
    } catch (error) {
      expect(error).toBeInstanceOf(OnnxTooLargeError);
      expect((error as Error).name).toBe("OnnxTooLargeError");
      return (error as Error).message;
    }
  };
  const END = ", and one protobuf message ends at 2 GB. Tables can be beside the graph, vocabularies cannot.";
  test("is refused by the bytes of its file, up to the last one", () => {
    const { length } = printOnnxModel(EMPTY);
    expect([refusal({}, length), refusal({}, length - 1)]).toEqual(["printed", `the graph \`g\` takes 0.0 GB${END}`]);
    expect(ONNX_LIMIT).toBe(2 ** 31 - 1);
  });
  /** Values that are counted, and take no memory. */
  const many = (length: number) => ({ length }) as ArrayLike<number>;
  const of = (dtype: DType, length: number): OnnxConstant => ({ dtype, shape: [length], values: many(length) });
  test("is refused before it is written, and names its largest part", () => {
    const constants = { small: of("int8", 400e6), large: of("float64", 300e6), other: of("float32", 10) };
    expect(refusal({ constants }, ONNX_LIMIT)).toBe(`the graph \`g\` takes 2.8 GB, 2.4 GB of them in \`large\`${END}`);
    // Bytes of other files have no name here.
    const raw = { raw: many(3e9) as Uint8Array };
    expect(refusal({ constants, rawConstants: [raw] }, ONNX_LIMIT)).toBe(`the graph \`g\` takes 5.8 GB${END}`);
    expect(refusal({ nodes: [raw] }, ONNX_LIMIT)).toBe(`the graph \`g\` takes 3.0 GB${END}`);
  });
});
