/** Small ONNX files whose runs take any time, or any memory. */
import { type OnnxModel, printOnnxModel } from "#formats/onnx/onnx-model.js";

const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 128, ...varint(value >> 7)]);
const field = (number: number, value: number | string | Buffer): Buffer => {
  if (typeof value === "number") return Buffer.from([...varint(number << 3), ...varint(value)]);
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes]);
};
const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields);
const INT64 = 7;
const BOOL = 9;
const value = (name: string, type: number, ...dims: number[]): Buffer =>
  message(
    field(1, name),
    field(2, field(1, message(field(1, type), field(2, message(...dims.map(dim => field(1, field(1, dim)))))))),
  );
const node = (op: string, inputs: readonly string[], outputs: readonly string[], ...more: Buffer[]): Buffer =>
  message(...inputs.map(name => field(1, name)), ...outputs.map(name => field(2, name)), field(4, op), ...more);

const int64 = (...values: bigint[]) =>
  ({ dtype: "int64", shape: [values.length], values: BigInt64Array.from(values) }) as const;
const ONE_NUMBER = { dtype: "int64", shape: [1] } as const;
const model = (parts: Pick<OnnxModel, "nodes" | "constants">): Buffer =>
  Buffer.from(
    printOnnxModel({
      name: "m",
      opsets: { "": 17 },
      inputs: [{ name: "X", ...ONE_NUMBER }],
      outputs: [{ name: "Y", ...ONE_NUMBER }],
      ...parts,
    }),
  );

const BODY = message(
  field(1, node("Identity", ["go"], ["goes"])),
  field(1, node("Add", ["v", "i"], ["w"])),
  field(2, "body"),
  field(11, value("i", INT64)),
  field(11, value("go", BOOL)),
  field(11, value("v", INT64, 1)),
  field(12, value("goes", BOOL)),
  field(12, value("w", INT64, 1)),
);

/** As many iterations as the request says: Y = 0 + 1 + … + (X − 1) + X. */
export const iterations = (): Buffer =>
  model({
    nodes: [
      { op: "Squeeze", inputs: ["X"], outputs: ["count"] },
      {
        raw: node("Loop", ["count", "", "X"], ["Y"], field(5, message(field(1, "body"), field(6, BODY), field(20, 5)))),
      },
    ],
  });

const REST = [
  { op: "ReduceSum", inputs: ["all"], outputs: ["sum"], attributes: { keepdims: { int: 1 } } },
  { op: "Add", inputs: ["sum", "X"], outputs: ["Y"] },
] as const;

/** Y = X + the sum of as many zeros as the request says. */
export const zeros = (): Buffer =>
  model({ nodes: [{ op: "ConstantOfShape", inputs: ["X"], outputs: ["all"], ...ZERO }, ...REST] });

/** Y = X, after a product of two matrices with as many rows as the request says. It has no loop, and its inputs have one size. */
export const product = (): Buffer =>
  model({
    nodes: [
      { op: "Concat", inputs: ["X", "X"], outputs: ["shape"], attributes: { axis: { int: 0 } } },
      { op: "ConstantOfShape", inputs: ["shape"], outputs: ["matrix"], ...ZERO },
      { op: "MatMul", inputs: ["matrix", "matrix"], outputs: ["all"] },
      { op: "ReduceSum", inputs: ["all"], outputs: ["sum"], attributes: { keepdims: { int: 0 } } },
      { op: "Add", inputs: ["sum", "X"], outputs: ["Y"] },
    ],
  });

/** The same, of a number in the file: ONNX Runtime makes the zeros when it loads the model. */
export const folded = (count: bigint): Buffer =>
  model({
    nodes: [{ op: "ConstantOfShape", inputs: ["count"], outputs: ["all"], ...ZERO }, ...REST],
    constants: { count: int64(count) },
  });

const ZERO = { attributes: { value: { tensor: int64(0n) } } };
