/**
 * Tensors between the server's bytes and a JavaScript model's values: typed arrays, and a list of buffers for BYTES.
 */
import { type WireType, wireDatatype } from "../../../../triton-protos/datatype.js";
import { elementCount, type Tensor } from "../../../base/tensor.js";

export type ModelValues =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array
  | readonly (string | number | bigint | boolean | Uint8Array)[];

/** A tensor as a model sees it. FP16 and BF16 are their bits in a Uint16Array, BOOL is a Uint8Array of 0 and 1, BYTES a list of Buffers. */
export interface ModelTensor {
  readonly name: string;
  readonly datatype: WireType;
  readonly shape: readonly number[];
  readonly data: ModelValues;
}

/** A copy of the bytes in a buffer of their own, which can be moved to another thread. */
export const detached = (tensor: Tensor): Tensor => ({ ...tensor, data: new Uint8Array(tensor.data) });

export function toModel({ name, datatype, shape, data }: Tensor): ModelTensor {
  const row = wireDatatype(datatype)!;
  if (row.array) {
    const bytes = data.byteOffset % row.bytes === 0 ? data : new Uint8Array(data);
    const values = new row.array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / row.bytes);
    return { name, datatype, shape, data: values as ModelValues };
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const texts: Buffer[] = [];
  for (let at = 0; at < view.byteLength; ) {
    const length = view.getUint32(at, true);
    texts.push(Buffer.from(data.buffer as ArrayBuffer, data.byteOffset + at + 4, length));
    at += 4 + length;
  }
  return { name, datatype, shape, data: texts };
}

/** The tensor's bytes are a view of the model's data: copy them before it runs on. @throws Error naming the tensor */
export function fromModel(tensor: ModelTensor): Tensor {
  const { name, datatype, shape, data } = tensor;
  const row = wireDatatype(datatype);
  if (!row)
    throw new TypeError(`output '${name}' has the datatype ${JSON.stringify(datatype)}; write one of Triton's names`);
  const count = elementCount(shape);
  if (data.length === 0 && count > 0 && ArrayBuffer.isView(data) && isGone(data.buffer))
    throw new RangeError(
      `output '${name}' is an input of a finished request; a large input is empty after its request: copy it (\`data.slice()\`)`,
    );
  if (data.length !== count)
    throw new RangeError(`output '${name}' has ${data.length} elements for the shape [${shape}], which has ${count}`);
  if (!row.array) {
    const texts = [...data].map(value => (value instanceof Uint8Array ? value : Buffer.from(String(value))));
    const out = new Uint8Array(texts.reduce((sum, text) => sum + 4 + text.byteLength, 0));
    const view = new DataView(out.buffer);
    let at = 0;
    for (const text of texts) {
      view.setUint32(at, text.byteLength, true);
      out.set(text, at + 4);
      at += 4 + text.byteLength;
    }
    return { name, datatype, shape, data: out };
  }
  const typed = data instanceof row.array ? data : convert(datatype, data, row.array);
  return { name, datatype, shape, data: new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength) };
}

/** Whether the memory was moved to another thread. */
function isGone(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

type ArrayMaker = new (values: Iterable<never>) => Exclude<ModelValues, readonly unknown[]>;

/** Elements of another type, converted as JavaScript does: `1`, `1n`, `"1"` and `true` are all 1. */
function convert(datatype: WireType, data: ModelValues, make: unknown): Exclude<ModelValues, readonly unknown[]> {
  const wide = datatype === "INT64" || datatype === "UINT64";
  const values = [...data].map(value => (wide ? BigInt(value as number) : Number(value)));
  return new (make as ArrayMaker)(values as never[]);
}
