/**
 * Collects a request's body: bounded, in one growing buffer (a million one-byte chunks cost a megabyte, not a million objects), unpacked.
 */
import type { IncomingMessage } from "node:http";
import { constants, unzip } from "node:zlib";
import { RuntimeFault } from "../../errors.js";

const HINT = "Use --http-max-input-size to increase the limit.";
const refuse = (text: string): RuntimeFault => new RuntimeFault("INVALID_ARGUMENT", `${text} ${HINT}`);

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

/**
 * Listens to the request instead of iterating over it, which costs a small request as much as its JSON.
 * @throws RuntimeFault when the body is larger than `limit`, or comes in too many pieces
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const declared = Number(request.headers["content-length"] ?? 0);
    if (declared > limit) throw jsonTooLarge(declared, limit);
    if (request.destroyed) throw new Error("aborted");
    /** A body that comes in one piece is that piece. */
    let only: Buffer | undefined;
    let buffer: Buffer | undefined;
    let length = 0;
    let chunks = 0;
    const settled = (): void => {
      request.off("data", take).off("end", end).off("error", fail).off("close", cut);
    };
    const fail = (error: Error): void => {
      settled();
      // What is still to come is not kept.
      request.resume();
      reject(error);
    };
    const keep = (chunk: Buffer): void => {
      const needed = length + chunk.length;
      if (!buffer || needed > buffer.length) {
        // A length that is only announced is not worth more memory than this.
        const size = buffer ? Math.min(limit, buffer.length * 2) : Math.min(Math.max(declared, 1024), 2 ** 24);
        const larger = Buffer.allocUnsafe(Math.max(size, needed));
        if (buffer) larger.set(buffer.subarray(0, length));
        buffer = larger;
      }
      buffer.set(chunk, length);
      length = needed;
    };
    const take = (chunk: Buffer): void => {
      if (length + chunk.length > limit) fail(jsonTooLarge(length + chunk.length, limit));
      else if (chunk.length < SMALL_CHUNK && ++chunks > MAX_CHUNKS) fail(tooManyChunks());
      else if (chunk.length === declared) only = chunk;
      else keep(chunk);
    };
    const end = (): void => {
      settled();
      resolve(only ?? (buffer ? buffer.subarray(0, length) : Buffer.alloc(0)));
    };
    const cut = (): void => fail(new Error("aborted"));
    request.on("data", take).on("end", end).on("error", fail).on("close", cut);
  });
}

const tooManyChunks = (): RuntimeFault =>
  new RuntimeFault("INVALID_ARGUMENT", `the request comes in more than ${MAX_CHUNKS} chunks; send larger ones`);

/**
 * Unpacks a body by its `Content-Encoding`. As Triton's: gzip and zlib data are told apart by their first bytes, what is cut off gives what
 * there is, and what is neither gives nothing.
 * @throws RuntimeFault
 */
export async function unpackBody(body: Buffer, encoding: string | undefined, limit: number): Promise<Buffer> {
  if (encoding === undefined || encoding === "identity") return body;
  if (encoding !== "gzip" && encoding !== "deflate")
    throw new RuntimeFault("UNSUPPORTED", "Unsupported compression type");
  return new Promise((resolve, reject) => {
    unzip(body, { maxOutputLength: limit, finishFlush: constants.Z_SYNC_FLUSH }, (error, plain) => {
      if (!error) resolve(plain);
      else if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE")
        reject(refuse(`Decompressed data size exceeds the maximum allowed value of ${limit} bytes.`));
      else resolve(Buffer.alloc(0));
    });
  });
}
