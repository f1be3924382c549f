/** Parts of FAISS files, and the fault of one in which numbers were changed. */
import { bytesSource } from "#formats/bytes/byte-source.js";
import { type FaissLayout, readFaissHeader } from "#formats/faiss/faiss.js";
import { readFaissLayout } from "#formats/faiss/faiss-layout.js";

export const layout = (bytes: Uint8Array): FaissLayout => readFaissLayout(bytesSource(bytes), "x");
export const floats = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => i / 2);
export const i32 = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);
export const f32 = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
export const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
export const vector = (...values: number[]): Buffer => Buffer.concat([u64(values.length), f32(...values)]);

/** The fault of a file in which numbers were changed; each is applied to a copy. */
export function said(bytes: Buffer, ...changes: readonly ((copy: Buffer) => unknown)[]): string {
  readFaissHeader(bytes, "x");
  const copy = Buffer.from(bytes);
  for (const change of changes) change(copy);
  try {
    readFaissHeader(copy, "x");
  } catch (error) {
    return (error as Error).message
      .replace("x is not a whole FAISS index: ", "")
      .replace(". Write it again with `merlon index build` or `faiss.write_index`.", "");
  }
  return "read";
}
export const put32 = (at: number, value: number) => (copy: Buffer) => copy.writeInt32LE(value, at);
export const put64 = (at: number, value: number | bigint) => (copy: Buffer) => copy.writeBigUInt64LE(BigInt(value), at);
export const put8 = (at: number, value: number) => (copy: Buffer) => copy.writeUInt8(value, at);
/** Offsets in the head that every index has. */
export const [DIMENSION, NTOTAL, TRAINED, METRIC, BODY] = [4, 8, 32, 33, 37];
