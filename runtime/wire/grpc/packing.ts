/**
 * Compression of inference messages: the level (`--grpc-infer-response-compression-level`) and the client's accepted encodings, or the
 * client's own choice → how frames are packed.
 */
import { promisify } from "node:util";
import { deflate, deflateSync, gzip, gzipSync } from "node:zlib";

export type CompressionLevel = "none" | "low" | "medium" | "high";

export interface Packing {
  /** For the header `grpc-encoding`. */
  readonly encoding: string;
  /** A frame of a plain message → one of the packed message. */
  pack(frame: Buffer): Buffer;
  /** The same in another thread. */
  packInThread(frame: Buffer): Promise<Buffer>;
}

const PREFIX = 5;
/** As gRPC orders them: the first is for `low`, the last for `high`. */
const ALGORITHMS = [
  ["gzip", gzipSync, promisify<Buffer, Buffer>(gzip)],
  ["deflate", deflateSync, promisify<Buffer, Buffer>(deflate)],
] as const;

/** @param accepted the client's `grpc-accept-encoding` */
export function choosePacking(level: CompressionLevel, accepted: unknown): Packing | undefined {
  if (level === "none") return undefined;
  const names = String(accepted ?? "").split(/[ ,]+/);
  const able = ALGORITHMS.filter(([name]) => names.includes(name));
  const chosen = able[level === "low" ? 0 : level === "medium" ? Math.floor(able.length / 2) : able.length - 1];
  if (!chosen) return undefined;
  return packingOf(chosen);
}

/** How a client packs its requests. */
export const requestPacking = (name: "gzip" | "deflate" | undefined): Packing | undefined => {
  const chosen = ALGORITHMS.find(([known]) => known === name);
  return chosen && packingOf(chosen);
};

const packingOf = ([encoding, compress, compressInThread]: (typeof ALGORITHMS)[number]): Packing => ({
  encoding,
  pack: frame => packedFrame(compress(frame.subarray(PREFIX))),
  packInThread: async frame => packedFrame(await compressInThread(frame.subarray(PREFIX))),
});

function packedFrame(packed: Buffer): Buffer {
  const out = Buffer.allocUnsafe(PREFIX + packed.length);
  out[0] = 1;
  out.writeUInt32BE(packed.length, 1);
  out.set(packed, PREFIX);
  return out;
}

/** The pieces of a frame, or the one piece of the packed frame. */
export const packed = (packing: Packing | undefined, pieces: readonly Buffer[]): readonly Buffer[] =>
  packing ? [packing.pack(Buffer.concat(pieces))] : pieces;

/** Compressing takes 20 nanoseconds a byte or more. */
const LARGE = 2 ** 16;

/** The same, in another thread where compressing would keep the event loop from others. */
export async function packedFairly(packing: Packing, pieces: readonly Buffer[]): Promise<readonly Buffer[]> {
  let size = 0;
  for (const piece of pieces) size += piece.length;
  return size < LARGE ? packed(packing, pieces) : [await packing.packInThread(Buffer.concat(pieces))];
}
