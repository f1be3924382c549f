/** Vectors → a flat FAISS index, whose ids are positions. */
import type { FaissMetric } from "./faiss-header.js";

/** Bytes before the vectors. */
const HEAD = 45;

/** @param vectors row after row */
export function printFlat(vectors: Float32Array, dimension: number, metric: FaissMetric): Uint8Array {
  const bytes = Buffer.alloc(HEAD + vectors.byteLength);
  bytes.write(metric === "ip" ? "IxFI" : "IxF2");
  bytes.writeInt32LE(dimension, 4);
  bytes.writeBigInt64LE(BigInt(vectors.length / dimension), 8);
  // Two fields that FAISS no longer reads.
  bytes.writeBigInt64LE(1n << 20n, 16);
  bytes.writeBigInt64LE(1n << 20n, 24);
  // It is trained.
  bytes.writeUInt8(1, 32);
  bytes.writeInt32LE(metric === "ip" ? 0 : 1, 33);
  bytes.writeBigUInt64LE(BigInt(vectors.length), 37);
  bytes.set(new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength), HEAD);
  return bytes;
}
