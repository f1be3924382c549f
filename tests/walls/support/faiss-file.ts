/** FAISS index files, written field by field, so that a test can write what FAISS never would. */

const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const i32 = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);
const letters = (four: string): Buffer => Buffer.from(four, "latin1");
const floats = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
const vector = (count: number, items: Buffer): Buffer => Buffer.concat([u64(count), items]);

/** Letters, dimension, number of vectors, trained, metric L2. */
export const head = (four: string, dimension: number, ntotal: number): Buffer =>
  Buffer.concat([letters(four), i32(dimension), u64(ntotal), Buffer.alloc(16), Buffer.of(1), i32(1)]);

export const flat = (dimension: number, vectors: Float32Array): Buffer =>
  Buffer.concat([head("IxF2", dimension, vectors.length / dimension), vector(vectors.length, floats(vectors))]);

/** A product quantizer whose centroids are zeros. */
export const quantizer = (dimension: number, parts: number, bits: number): Buffer =>
  Buffer.concat([
    u64(dimension),
    u64(parts),
    u64(bits),
    vector(dimension * 2 ** bits, Buffer.alloc(dimension * 2 ** bits * 4)),
  ]);

export function pq(dimension: number, parts: number, bits: number, ntotal: number): Buffer {
  const codes = ntotal * Math.ceil((parts * bits) / 8);
  return Buffer.concat([
    head("IxPq", dimension, ntotal),
    quantizer(dimension, parts, bits),
    vector(codes, Buffer.alloc(codes)),
    i32(0),
    Buffer.of(0),
    i32(0),
  ]);
}

/** A graph of vectors without links. */
export function hnsw(four: "IHNf" | "IHNp", ntotal: number, storage: Buffer): Buffer {
  const dimension = storage.readInt32LE(4);
  return Buffer.concat([
    head(four, dimension, ntotal),
    u64(0),
    vector(2, i32(0, 4)),
    vector(ntotal, i32(...new Array<number>(ntotal).fill(1))),
    vector(ntotal + 1, Buffer.concat(Array.from({ length: ntotal + 1 }, (_, i) => u64(4 * i)))),
    vector(4 * ntotal, i32(...new Array<number>(4 * ntotal).fill(-1))),
    i32(0, 0, 40, 16, 1),
    storage,
  ]);
}

export interface Lists {
  /** Sizes as the file writes them: `full` or pairs. */
  readonly sizes: Buffer;
  /** Codes and ids of each list. */
  readonly content: Buffer;
}
export const pairs = (...numbers: number[]): Buffer =>
  Buffer.concat([letters("sprs"), vector(numbers.length, Buffer.concat(numbers.map(u64)))]);
export const full = (...sizes: number[]): Buffer =>
  Buffer.concat([letters("full"), vector(sizes.length, Buffer.concat(sizes.map(u64)))]);

const lists = (nlist: number, codeSize: number, { sizes, content }: Lists): Buffer =>
  Buffer.concat([letters("ilar"), u64(nlist), u64(codeSize), sizes, content]);

export const ivfFlat = (ntotal: number, centroids: Buffer, nlist: number, of: Lists): Buffer =>
  Buffer.concat([
    head("IwFl", centroids.readInt32LE(4), ntotal),
    u64(nlist),
    u64(nlist),
    centroids,
    Buffer.of(0),
    u64(0),
    lists(nlist, centroids.readInt32LE(4) * 4, of),
  ]);

export const ivfPq = (
  ntotal: number,
  centroids: Buffer,
  nlist: number,
  parts: number,
  bits: number,
  of: Lists,
): Buffer =>
  Buffer.concat([
    head("IwPQ", centroids.readInt32LE(4), ntotal),
    u64(nlist),
    u64(1),
    centroids,
    Buffer.of(0),
    u64(0),
    Buffer.of(1),
    u64(Math.ceil((parts * bits) / 8)),
    quantizer(centroids.readInt32LE(4), parts, bits),
    lists(nlist, Math.ceil((parts * bits) / 8), of),
  ]);

export const idMap = (inner: Buffer, ids: readonly bigint[]): Buffer =>
  Buffer.concat([
    head("IxMp", inner.readInt32LE(4), ids.length),
    inner,
    vector(ids.length, Buffer.from(BigInt64Array.from(ids).buffer)),
  ]);

export const refined = (base: Buffer, better: Buffer, kFactor: number): Buffer =>
  Buffer.concat([
    head("IxRF", base.readInt32LE(4), Number(base.readBigUInt64LE(8))),
    base,
    better,
    Buffer.from(Float32Array.of(kFactor).buffer),
  ]);
