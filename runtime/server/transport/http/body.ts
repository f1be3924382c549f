/**
 * Collects a request's body: bounded, in one growing buffer (a million one-byte chunks cost a megabyte, not a million objects), unpacked.
 */
import type { Cancellation } from "../../../base/cancellation.js";
import { invalid, type RuntimeFault, unsupported } from "../../../base/errors.js";
import type { Charge } from "../../../base/memory/memory-budget.js";
import { unpackBytes } from "../../../base/memory/unpack.js";
import type { Exchange } from "../http1/exchange.js";
import type { GrowableMemory } from "./growable-buffer.js";

const HINT = "Use --http-max-input-size to increase the limit.";
const refuse = (text: string): RuntimeFault => invalid(`${text} ${HINT}`);

/** A JSON text, or the JSON part of a body, that is longer than the limit. */
export const jsonTooLarge = (size: number, limit: number): RuntimeFault =>
  refuse(`request JSON size of ${size} bytes exceeds the maximum allowed input size of ${limit} bytes.`);
export const rawTooLarge = (size: number, limit: number): RuntimeFault =>
  refuse(`Raw input has a byte_size (${size} bytes) that exceeds the maximum allowed value of ${limit} bytes.`);

/** Tensor bytes beside the JSON are not held to the limit on JSON, but to this. */
const MAX_BODY = 2 ** 30;
export const binaryLimit = (limit: number): number => Math.max(limit, MAX_BODY);

/** Triton's bound on the chunks of one request: each costs far more work than the few bytes in it. */
const MAX_CHUNKS = 2 ** 16;
/** Larger pieces are bounded by the body's limit, and a slow connection cuts chunks into some. */
const SMALL_CHUNK = 256;

/** A loop over as few bytes costs less than a call. */
const FEW = 16;

/** Ratio of a buffer's size to the bytes that have arrived: announced lengths are not trusted. */
const AHEAD = 16;
const LEAST_ROOM = 256;

/**
 * Takes the body of a request, once for each.
 * @param room takes the bytes as they arrive
 * @throws RuntimeFault if the body is larger than `limit`, arrives in too many pieces, or exceeds the memory
 */
export function readBody(exchange: Exchange, limit: number, room: GrowableMemory): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { body } = exchange.head;
    const declared = typeof body === "number" ? body : undefined;
    if (declared !== undefined && declared > limit) throw jsonTooLarge(declared, limit);
    let buffer: Buffer | undefined;
    let length = 0;
    let chunks = 0;
    const fail = (error: Error): void => {
      exchange.discardBody();
      reject(error);
    };
    const grow = (needed: number): void => {
      const ahead = declared === undefined ? Math.min(limit, 2 * needed) : Math.min(declared, AHEAD * needed);
      const size = Math.max(needed, LEAST_ROOM, ahead);
      const larger = room.make(size);
      if (buffer) {
        larger.set(buffer.subarray(0, length));
        room.outgrown(buffer);
      }
      buffer = larger;
    };
    exchange.readBody({
      data(bytes, start, end) {
        const needed = length + end - start;
        if (needed > limit) return fail(jsonTooLarge(needed, limit));
        if (declared === undefined && end - start < SMALL_CHUNK && ++chunks > MAX_CHUNKS) {
          exchange.refuseBody();
          return fail(tooManyChunks());
        }
        try {
          if (!buffer || needed > buffer.length) grow(needed);
        } catch (error) {
          // There is no such memory.
          return fail(error as Error);
        }
        if (end - start > FEW) bytes.copy(buffer!, length, start, end);
        else for (let i = start; i < end; i++) buffer![length + i - start] = bytes[i]!;
        length = needed;
      },
      end: () => resolve(buffer ? buffer.subarray(0, length) : EMPTY),
      cut: () => reject(new Error("the client closed the connection before the end of its body")),
    });
  });
}

const EMPTY = Buffer.alloc(0);
const tooManyChunks = (): RuntimeFault =>
  invalid(`Chunked request body exceeds maximum of ${MAX_CHUNKS} non-empty chunks. Send fewer or larger HTTP chunks.`);

/** Whether a `Content-Encoding` is another than none. */
export const isPacked = (encoding: string | undefined): encoding is string =>
  encoding !== undefined && encoding !== "identity";

/** The bounds of a body's unpacked size. */
export interface UnpackLimits {
  readonly maxInputSize: number;
  /** Bytes that the request may unpack to, by its size on the wire. */
  readonly allowance: number;
  readonly charge: Charge;
  readonly signal: Cancellation;
}

/**
 * Unpacks a body by its `Content-Encoding`. As Triton's: the first bytes distinguish gzip and zlib data. Truncated data is unpacked as far
 * as possible, and any other data gives nothing.
 * @throws RuntimeFault
 */
export async function unpackBody(body: Buffer, encoding: string, limits: UnpackLimits): Promise<Buffer> {
  if (encoding !== "gzip" && encoding !== "deflate") throw unsupported("Unsupported compression type");
  const { maxInputSize, allowance, charge, signal } = limits;
  return unpackBytes(body, "any", {
    ...{ charge, signal, lenient: true },
    limit: Math.min(maxInputSize, allowance),
    tooLarge: limit =>
      limit === maxInputSize
        ? refuse(`Decompressed data size exceeds the maximum allowed value of ${limit} bytes.`)
        : invalid(
            `Decompressed data size exceeds the maximum allowed value of ${limit} bytes for a body of ${body.length} bytes. Send it uncompressed, or use --request-memory-ratio to increase the limit.`,
          ),
  });
}
