/**
 * Little-endian values of a FAISS file, read in order and never beyond the end; each announced length is compared with the remaining bytes.
 */
import type { ByteSource } from "../bytes/byte-source.js";
import { memoryFault, memoryLimit } from "./faiss-memory.js";

/** A file that is not a FAISS index, is damaged, or has a kind that is not served; the message names the file. */
export class FaissFileError extends Error {
  override readonly name = "FaissFileError";
}

export const damaged = (where: string, what: string): FaissFileError =>
  new FaissFileError(
    `${where} is not a whole FAISS index: ${what}. Write it again with \`merlon index build\` or \`faiss.write_index\`.`,
  );

export interface FaissReader {
  readonly where: string;
  readonly at: () => number;
  readonly byte: () => number;
  readonly int32: () => number;
  readonly count: () => number;
  readonly fourcc: () => string;
  readonly float32: () => number;
  readonly view: (length: number) => DataView;
  /** Bytes that were stepped over. */
  readonly viewAt: (offset: number, length: number) => DataView;
  readonly skip: (length: number, what: string) => void;
  /** A vector that must have `expected` items of `bytes` each, stepped over. */
  readonly vector: (expected: number, bytes: number, what: string) => void;
  /** Counts memory that FAISS takes beside the file. @throws FaissFileError where it is more than a file of this size may take */
  readonly charge: (bytes: number, what: string) => void;
  /** Bytes that may still be charged. */
  readonly room: () => number;
}

export function faissReader(source: ByteSource, where: string): FaissReader {
  let at = 0;
  let charged = 0;
  const limit = memoryLimit(source.size);
  const advance = (length: number, what: string): number => {
    if (!Number.isSafeInteger(length) || length > source.size - at)
      throw damaged(where, `${what} at byte ${at} takes ${length} bytes and only ${source.size - at} follow`);
    at += length;
    return at - length;
  };
  const viewAt = (offset: number, length: number): DataView => {
    const bytes = source.read(offset, length);
    if (bytes.length !== length) throw damaged(where, "it became shorter while it was read");
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  };
  const view = (length: number): DataView => viewAt(advance(length, "a value"), length);
  const count = (): number => {
    const value = view(8).getBigUint64(0, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(where, `byte ${at - 8} holds the count ${value}`);
    return Number(value);
  };
  return {
    where,
    at: () => at,
    byte: () => view(1).getUint8(0),
    int32: () => view(4).getInt32(0, true),
    float32: () => view(4).getFloat32(0, true),
    count,
    fourcc: () => {
      const four = view(4);
      return String.fromCharCode(four.getUint8(0), four.getUint8(1), four.getUint8(2), four.getUint8(3));
    },
    view,
    viewAt,
    skip: (length, what) => {
      advance(length, what);
    },
    vector: (expected, bytes, what) => {
      const seen = count();
      if (seen !== expected) throw damaged(where, `the ${what} are ${seen} where ${expected} belong`);
      advance(seen * bytes, what);
    },
    charge: (bytes, what) => {
      charged += bytes;
      if (charged > limit) throw new FaissFileError(`${where} ${memoryFault(charged, limit, what)}.`);
    },
    room: () => limit - charged,
  };
}

/** A C++ `bool`: what is neither 0 nor 1 would be both. */
export function flag(r: FaissReader, what: string): boolean {
  const value = r.byte();
  if (value > 1) throw damaged(r.where, `${what} is ${value}`);
  return value === 1;
}
