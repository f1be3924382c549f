/**
 * A typed description of an ONNX graph → the bytes of an ONNX file. Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto,
 * AttributeProto, TensorProto). Byte-stable for equal input.
 */
import protobuf from "protobufjs";
import { type DType, datatype } from "../../triton-protos/datatype.js";

export interface OnnxValue {
  readonly name: string;
  readonly dtype: DType;
  /** A number, or the name of a dimension that varies. */
  readonly shape: readonly (number | string)[];
}

/** Numbers in row order; 64-bit integers as bigint or safe numbers. Typed arrays of the dtype's own kind are written as they are. */
export interface OnnxConstant {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number> | ArrayLike<bigint> | readonly string[];
  /** The bytes are in a file beside the model; `values` may then be empty. */
  readonly external?: { readonly location: string; readonly offset: number; readonly length: number };
}

/** A message as some other file has it, NodeProto or TensorProto: it is written as it is. */
export interface OnnxRaw {
  readonly raw: Uint8Array;
}

export type OnnxAttribute =
  | { readonly float: number }
  | { readonly int: number | bigint }
  | { readonly text: string }
  | { readonly floats: ArrayLike<number> }
  | { readonly ints: ArrayLike<number> | readonly bigint[] }
  | { readonly texts: readonly string[] }
  | { readonly tensor: OnnxConstant };

export interface OnnxNode {
  /** Default: the operator and its place. ONNX Runtime names it in its faults. */
  readonly name?: string;
  /** Operator, as `Gemm`. */
  readonly op: string;
  /** `""` is the default operator set. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxModel {
  readonly name: string;
  /** 8 is what ONNX Runtime 1.13 and later read. */
  readonly irVersion?: number;
  /** Version by operator set domain: `{ "": 17, "ai.onnx.ml": 3 }`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly (OnnxNode | OnnxRaw)[];
  readonly constants?: Readonly<Record<string, OnnxConstant>>;
  /** Constants that other files hold, with their names inside. */
  readonly rawConstants?: readonly OnnxRaw[];
  readonly metadata?: Readonly<Record<string, string>>;
}

type Write = (w: protobuf.Writer) => void;

const message = (w: protobuf.Writer, field: number, write: Write): void => {
  w.uint32((field << 3) | 2).fork();
  write(w);
  w.ldelim();
};
const text = (w: protobuf.Writer, field: number, value: string): void => {
  w.uint32((field << 3) | 2).string(value);
};
const integer = (w: protobuf.Writer, field: number, value: number | bigint): void => {
  const exact = typeof value === "number" ? value : (protobuf.util.LongBits.from(`${value}`).toLong() as never);
  w.uint32(field << 3).int64(exact);
};

/** One protobuf message ends here. */
export const ONNX_LIMIT = 2 ** 31 - 1;

/** A graph that protobuf cannot hold. */
export class OnnxTooLargeError extends Error {
  override readonly name = "OnnxTooLargeError";
}

/**
 * @param limit most bytes; tests have a small one
 * @returns a whole ONNX file
 * @throws OnnxTooLargeError beyond 2 GB
 */
export function printOnnxModel(model: OnnxModel, limit = ONNX_LIMIT): Uint8Array {
  const parts = partsOf(model);
  const held = parts.reduce((sum, part) => sum + part.bytes, 0);
  if (held > limit) throw tooLarge(model.name, held, parts);
  const w = protobuf.Writer.create();
  integer(w, 1, model.irVersion ?? 8);
  text(w, 2, "merlon");
  message(w, 7, graph(model));
  for (const [domain, version] of Object.entries(model.opsets))
    message(w, 8, opset => {
      text(opset, 1, domain);
      integer(opset, 2, version);
    });
  for (const [key, value] of Object.entries(model.metadata ?? {}))
    message(w, 14, entry => {
      text(entry, 1, key);
      text(entry, 2, value);
    });
  const { len } = w as unknown as { readonly len: number };
  if (len > limit) throw tooLarge(model.name, len, parts);
  return w.finish();
}

interface Part {
  readonly name: string;
  readonly bytes: number;
}

const tooLarge = (name: string, bytes: number, parts: readonly Part[]): OnnxTooLargeError => {
  const most = parts.reduce((a, b) => (b.bytes > a.bytes ? b : a), { name: "", bytes: 0 });
  const blame = most.name ? `, ${(most.bytes / 1e9).toFixed(1)} GB of them in \`${most.name}\`` : "";
  return new OnnxTooLargeError(
    `the graph \`${name}\` takes ${(bytes / 1e9).toFixed(1)} GB${blame}, and one protobuf message ends at 2 GB. Tables can be beside the graph, vocabularies cannot.`,
  );
};

/** Bytes of constants and attribute lists, before anything is written. */
function partsOf({ constants = {}, rawConstants = [], nodes }: OnnxModel): Part[] {
  return [
    ...Object.entries(constants).flatMap(([name, { dtype, values, external }]): Part[] =>
      external ? [] : [{ name, bytes: values.length * datatype(dtype).bytes }],
    ),
    ...rawConstants.map(({ raw }): Part => ({ name: "", bytes: raw.length })),
    ...nodes.map((node): Part => ("raw" in node ? { name: "", bytes: node.raw.length } : nodePart(node))),
  ];
}

function nodePart({ name = "", attributes = {} }: OnnxNode): Part {
  let bytes = 0;
  for (const attribute of Object.values(attributes))
    if ("texts" in attribute) for (const item of attribute.texts) bytes += item.length + 2;
    else if ("ints" in attribute) bytes += attribute.ints.length * 2;
  return { name, bytes };
}

const graph =
  (model: OnnxModel): Write =>
  w => {
    model.nodes.forEach((each, i) => {
      if ("raw" in each) w.uint32((1 << 3) | 2).bytes(each.raw);
      else message(w, 1, node(each, each.name ?? `${each.op}_${i}`));
    });
    text(w, 2, model.name);
    for (const [name, constant] of Object.entries(model.constants ?? {})) message(w, 5, tensor(constant, name));
    for (const { raw } of model.rawConstants ?? []) w.uint32((5 << 3) | 2).bytes(raw);
    for (const input of model.inputs) message(w, 11, value(input));
    for (const output of model.outputs) message(w, 12, value(output));
  };

const node =
  ({ op, domain = "", inputs, outputs, attributes = {} }: OnnxNode, name: string): Write =>
  w => {
    for (const input of inputs) text(w, 1, input);
    for (const output of outputs) text(w, 2, output);
    text(w, 3, name);
    text(w, 4, op);
    for (const [key, attribute] of Object.entries(attributes)) message(w, 5, attributeOf(key, attribute));
    if (domain) text(w, 7, domain);
  };

/** The numbers of AttributeProto.AttributeType. */
const attributeOf =
  (name: string, attribute: OnnxAttribute): Write =>
  w => {
    text(w, 1, name);
    const type = (number: number) => integer(w, 20, number);
    if ("float" in attribute) {
      w.uint32((2 << 3) | 5).float(attribute.float);
      type(1);
    } else if ("int" in attribute) {
      integer(w, 3, attribute.int);
      type(2);
    } else if ("text" in attribute) {
      text(w, 4, attribute.text);
      type(3);
    } else if ("tensor" in attribute) {
      message(w, 5, tensor(attribute.tensor, name));
      type(4);
    } else if ("floats" in attribute) {
      for (const item of Array.from(attribute.floats)) w.uint32((7 << 3) | 5).float(item);
      type(6);
    } else if ("ints" in attribute) {
      for (const item of Array.from(attribute.ints as ArrayLike<number>)) integer(w, 8, item);
      type(7);
    } else {
      for (const item of attribute.texts) text(w, 9, item);
      type(8);
    }
  };

const tensor =
  ({ dtype, shape, values, external }: OnnxConstant, name: string): Write =>
  w => {
    for (const dim of shape) integer(w, 1, dim);
    integer(w, 2, datatype(dtype).onnx);
    if (dtype === "string") for (const item of Array.from(values as readonly string[])) text(w, 6, item);
    text(w, 8, name);
    if (external) {
      for (const [key, value] of Object.entries(external))
        message(w, 13, entry => {
          text(entry, 1, key);
          text(entry, 2, `${value}`);
        });
      integer(w, 14, 1);
    } else if (dtype !== "string") w.uint32((9 << 3) | 2).bytes(constantBytes(dtype, values as ArrayLike<number>));
  };

/** Little-endian, as every machine that Node runs on stores it. */
export function constantBytes(dtype: DType, values: ArrayLike<number> | ArrayLike<bigint>): Uint8Array {
  const { array } = datatype(dtype);
  const typed =
    array !== null && values instanceof array
      ? values
      : array === BigInt64Array || array === BigUint64Array
        ? array.from(Array.from(values as ArrayLike<number>, BigInt))
        : (array as Float64ArrayConstructor).from(values as ArrayLike<number>);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

const value =
  ({ name, dtype, shape }: OnnxValue): Write =>
  w => {
    text(w, 1, name);
    message(w, 2, type =>
      message(type, 1, tensorType => {
        integer(tensorType, 1, datatype(dtype).onnx);
        message(tensorType, 2, dims => {
          for (const dim of shape)
            message(dims, 1, d => {
              if (typeof dim === "number") integer(d, 1, dim);
              else text(d, 2, dim);
            });
        });
      }),
    );
  };
