/**
 * Decompresses the body of one request as a stream. Each chunk is counted against the request's allowance and charged to the server's
 * budget before the next one is made. The work ends when the client disconnects.
 */
import { availableParallelism } from "node:os";
import { constants, createGunzip, createInflate, createUnzip, type Gunzip, type Inflate, type Unzip } from "node:zlib";
import type { Cancellation } from "../cancellation.js";
import { RuntimeFault } from "../errors.js";
import { semaphore } from "../semaphore.js";
import type { Charge } from "./memory-budget.js";
import { Segments } from "./segments.js";

/** `any` distinguishes gzip from zlib data by the first bytes. */
export type PackedEncoding = "gzip" | "deflate" | "any";

export interface UnpackOptions {
  /** Unpacked bytes stay charged to it when the promise resolves; the caller releases them. */
  readonly charge: Charge;
  /** Unpacked bytes at most: the lesser of the protocol's limit and the request's allowance. */
  readonly limit: number;
  /** Makes the error for data that unpacks to more than the limit. */
  tooLarge(limit: number): Error;
  readonly signal?: Cancellation | undefined;
  /** Data that was cut off gives what there is, and data that is not compressed gives nothing, as Triton's HTTP endpoint has it. */
  readonly lenient?: boolean;
}

type Unpacker = Gunzip | Inflate | Unzip;

const CREATE = { gzip: createGunzip, deflate: createInflate, any: createUnzip } as const;

/** Memory of zlib for one stream, beside its first chunk: its window and its tables. */
const STREAM_BYTES = 3 * 2 ** 14;
const LEAST_CHUNK = 2 ** 10;
const MOST_CHUNK = 2 ** 18;
/** Most tensors compress less than this. */
const LIKELY_RATIO = 4;

/** Compressed bodies from here on take a thread of their own for a while. One core stays free for the event loop. */
const LONG = 2 ** 16;
const longOnes = semaphore(Math.max(1, availableParallelism() - 1));

/** @throws RuntimeFault RESOURCE_EXHAUSTED where the budget is spent, CANCELLED where the client left; zlib's errors as they are */
export function unpackBytes(packed: Buffer, encoding: PackedEncoding, options: UnpackOptions): Promise<Buffer> {
  const work = (): Promise<Buffer> => unpackNow(packed, encoding, options);
  return packed.length < LONG ? work() : longOnes(work, options.signal);
}

function unpackNow(packed: Buffer, encoding: PackedEncoding, options: UnpackOptions): Promise<Buffer> {
  const { charge, limit, tooLarge, signal, lenient = false } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(clientLeft());
    const chunkSize = chunkSizeOf(packed.length, limit);
    const streamBytes = STREAM_BYTES + chunkSize;
    charge.add(streamBytes);
    const unpacker: Unpacker = CREATE[encoding]({
      chunkSize,
      ...(lenient && { finishFlush: constants.Z_SYNC_FLUSH }),
    });
    const unpacked = new Segments(charge);
    let first: Buffer | undefined;
    let settled = false;
    const settle = (act: () => void): void => {
      if (settled) return;
      settled = true;
      signal?.removeEventListener("abort", left);
      unpacker.removeAllListeners("data");
      // Frees zlib's memory, after the piece that a thread works on.
      unpacker.destroy();
      charge.subtract(streamBytes);
      act();
    };
    const discard = (act: () => void): void =>
      settle(() => {
        unpacked.discard();
        if (first) free(first);
        act();
      });
    const fail = (error: unknown): void => discard(() => reject(error));
    const left = (): void => fail(clientLeft());
    signal?.addEventListener("abort", left, { once: true });
    unpacker.on("data", (chunk: Buffer) => {
      try {
        if (unpacked.length + chunk.length > limit) throw tooLarge(limit);
        unpacked.add(chunk);
        if (first) free(chunk);
        else first = chunk;
      } catch (error) {
        fail(error);
        free(chunk);
      }
    });
    unpacker.once("end", () => {
      const finish = (bytes: Buffer): void =>
        settle(() => {
          if (first && bytes.buffer !== first.buffer) free(first);
          resolve(bytes);
        });
      unpacked.join(() => settled).then(finish, fail);
    });
    unpacker.on("error", error => {
      if (lenient) discard(() => resolve(Buffer.alloc(0)));
      else fail(error);
    });
    unpacker.end(packed);
  });
}

/** Bytes of each chunk: each costs a way to a thread and back, which takes longer than to unpack 64 KB of a high ratio. */
const chunkSizeOf = (packed: number, limit: number): number =>
  Math.min(MOST_CHUNK, Math.max(LEAST_CHUNK, Math.min(packed * LIKELY_RATIO, Math.ceil(limit / 8))));

/**
 * Frees a chunk that was copied or is not needed, if it takes a whole buffer: zlib writes no more to one that is full. After each 64 MB of
 * such garbage V8 collects the whole heap, in threads that compete with those of other requests.
 */
function free({ buffer, length }: Buffer): void {
  if (buffer.byteLength === length) (buffer as ArrayBuffer).transfer(0);
}

const clientLeft = (): RuntimeFault => new RuntimeFault("CANCELLED", "the client left before its request was unpacked");
