/**
 * A tensor as JSON: its values where they are few and JSON holds them exactly, else gzip in base64. No bit is lost either way.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { wireDatatype } from "../../../triton-protos/datatype.js";
import { packStrings, unpackStrings } from "../../base/strings.js";
import type { RequestTensor } from "../contract.js";

export interface TensorJson {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** Elements, row-major; integers beyond 2^53 as text. */
  readonly data?: readonly (number | string)[];
  readonly gzip?: string;
}

/** More elements are unreadable. */
const READABLE = 64;
/** Nor more text. */
const READABLE_BYTES = 4096;

export function writeTensorJson({ name, datatype, shape, data }: RequestTensor): TensorJson {
  const head = { name, datatype, shape: [...shape] };
  const values = readableValues(datatype, data);
  return values ? { ...head, data: values } : { ...head, gzip: gzipSync(data).toString("base64") };
}

/** Undefined if they are many, or if values would lose information: a NaN's bits, a minus zero, bytes that are not text, 16-bit floats. */
export function readableValues(datatype: string, data: Uint8Array): readonly (number | string)[] | undefined {
  const row = wireDatatype(datatype);
  if (!row || datatype === "FP16" || datatype === "BF16") return undefined;
  if (data.byteLength > (row.array ? READABLE * row.bytes : READABLE_BYTES)) return undefined;
  try {
    const values = elements(datatype, data);
    if (values.length > READABLE) return undefined;
    const shown = values.map(value =>
      typeof value === "bigint" ? (Number.isSafeInteger(Number(value)) ? Number(value) : String(value)) : value,
    );
    return Buffer.from(pack(datatype, JSON.parse(JSON.stringify(shown)))).equals(data) ? shown : undefined;
  } catch {
    return undefined;
  }
}

/** The elements of a tensor's bytes: numbers, bigints, or texts. @throws Error for BYTES that are cut */
export function elements(datatype: string, data: Uint8Array): readonly (number | bigint | string)[] {
  const row = wireDatatype(datatype);
  if (!row?.array) return unpackStrings({ name: "", data });
  const own = Uint8Array.from(data);
  return Array.from(new row.array(own.buffer, 0, own.byteLength / row.bytes) as ArrayLike<number | bigint>);
}

/** The bytes of a tensor's elements, row-major. */
export function pack(datatype: string, values: readonly (number | string)[]): Uint8Array {
  const row = wireDatatype(datatype)!;
  if (!row.array) return packStrings(values.map(String));
  const wide = row.array === BigInt64Array || row.array === BigUint64Array;
  const made = new (row.array as new (items: Iterable<never>) => Uint8Array)(
    values.map(value => (wide ? BigInt(value) : Number(value))) as never[],
  );
  return new Uint8Array(made.buffer, made.byteOffset, made.byteLength);
}

/** @throws Error */
export function readTensorJson({ name, datatype, shape, data, gzip }: TensorJson): RequestTensor {
  const bytes = gzip === undefined ? pack(datatype, data ?? []) : gunzipSync(Buffer.from(gzip, "base64"));
  return { name, datatype, shape, data: new Uint8Array(bytes) };
}
