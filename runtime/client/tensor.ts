/**
 * One tensor of a response: a view of the received bytes, decoded when it is read.
 */
import { type DatatypeRow, type WireType, wireDatatype } from "../../triton-protos/datatype.js";
import { fromBfloats, fromHalves } from "../../triton-protos/float16.js";
import { unpackBytes, unpackStrings } from "./byte-strings.js";
import { ProtocolError } from "./client-error.js";
import type { DataOf } from "./data-of.js";

export class Tensor<D extends WireType = WireType, S extends readonly number[] = readonly number[]> {
  /** Phantom: the declared shape. */
  declare readonly declared: S;
  private decoded: DataOf[D] | undefined;

  constructor(
    readonly name: string,
    readonly datatype: D,
    /** Full shape; sizes are as answered. */
    readonly shape: { readonly [K in keyof S]: number },
    /** The received elements, row-major and little-endian. Shared with the other tensors of the answer: do not write. */
    readonly raw: Uint8Array,
  ) {}

  /**
   * All elements, row-major: a typed array, or strings for BYTES. FP16 and BF16 are Float32Array, BOOL is Uint8Array of 0 and 1, 64-bit
   * integers are big ones. @throws ProtocolError if BYTES are not UTF-8
   */
  get data(): DataOf[D] {
    this.decoded ??= decode(this) as DataOf[D];
    return this.decoded;
  }

  /** Elements as numbers. @throws RangeError for an integer beyond ±2^53, where numbers have gaps */
  numbers(): number[] {
    const data = this.data as ArrayLike<number | bigint>;
    if (this.datatype === "BYTES") throw new TypeError(`\`${this.name}\` is BYTES: read \`.data\` or \`.bytes()\``);
    return Array.from(data, (value, i) => {
      if (typeof value === "bigint" && !Number.isSafeInteger(Number(value)))
        throw new RangeError(`\`${this.name}\`[${i}] is ${value}, beyond what numbers tell apart: read \`.data\``);
      return Number(value);
    });
  }

  /** Elements of BYTES as they are. */
  bytes(): Uint8Array[] {
    if (this.datatype !== "BYTES") throw new TypeError(`\`${this.name}\` is ${this.datatype}: read \`.data\``);
    return unpackBytes(this.raw, this.name);
  }

  /** The bits of 16-bit floats. */
  bits(): Uint16Array {
    if (this.datatype !== "FP16" && this.datatype !== "BF16")
      throw new TypeError(`\`${this.name}\` is ${this.datatype}: only FP16 and BF16 have \`.bits()\``);
    return view(this.raw, wireDatatype(this.datatype)!) as Uint16Array;
  }

  /** The rows along the first dimension, as views. */
  rows(): DataOf[D][] {
    const [count = 1] = this.shape as readonly number[];
    const width = count === 0 ? 0 : this.data.length / count;
    return Array.from({ length: count }, (_, i) => slice(this.data, i * width, (i + 1) * width));
  }

  /** Elements nested as the shape says; a rank of 0 is one element. */
  nested(): unknown {
    const build = (axis: number, from: number, size: number): unknown => {
      if (axis === this.shape.length) return this.datatype === "BOOL" ? this.data[from] === 1 : this.data[from];
      const count = (this.shape as readonly number[])[axis]!;
      const inner = count === 0 ? 0 : size / count;
      return Array.from({ length: count }, (_, i) => build(axis + 1, from + i * inner, inner));
    };
    return build(0, 0, this.data.length);
  }
}

const slice = <A>(data: A, from: number, to: number): A =>
  Array.isArray(data)
    ? (data.slice(from, to) as A)
    : (data as unknown as { subarray(a: number, b: number): A }).subarray(from, to);

function decode({ name, datatype, raw }: Tensor): unknown {
  if (datatype === "BYTES") return unpackStrings(raw, name);
  const row = wireDatatype(datatype)!;
  const values = view(raw, row);
  if (datatype === "FP16") return fromHalves(values as Uint16Array);
  return datatype === "BF16" ? fromBfloats(values as Uint16Array) : values;
}

/** A typed array over the bytes; they are copied only where they lie at an odd place. */
function view(raw: Uint8Array, row: DatatypeRow): ArrayLike<number | bigint> {
  const aligned = raw.byteOffset % row.bytes === 0 ? raw : raw.slice();
  // Node's slice of a Buffer is a view.
  const { buffer, byteOffset } = aligned.byteOffset % row.bytes === 0 ? aligned : new Uint8Array(aligned);
  return new row.array!(buffer as ArrayBuffer, byteOffset, raw.byteLength / row.bytes);
}

/**
 * @param placed whether the elements lie in shared memory and not here
 * @throws ProtocolError where datatype, shape and bytes of an answer contradict each other
 */
export function receive(
  name: string,
  datatype: string,
  shape: readonly number[],
  raw: Uint8Array,
  placed: boolean,
): Tensor {
  const row = wireDatatype(datatype);
  if (!row)
    throw new ProtocolError("INTERNAL", `output \`${name}\` has datatype "${datatype}", which KServe v2 has not`);
  let count = 1;
  for (const dim of shape) count *= dim;
  if (row.bytes > 0 && !placed && raw.byteLength !== count * row.bytes)
    throw new ProtocolError(
      "INTERNAL",
      `output \`${name}\` says it is ${datatype} [${shape.join(",")}], ${count * row.bytes} bytes, and brings ${raw.byteLength}`,
    );
  return new Tensor(name, datatype as WireType, shape, raw);
}
