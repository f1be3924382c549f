/**
 * Compresses an answer as a stream: nothing large is copied, and the work ends when the client leaves.
 */
import { createDeflate, createGzip } from "node:zlib";
import type { Cancellation } from "../../../base/cancellation.js";
import { RuntimeFault } from "../../../base/errors.js";
import type { Charge } from "../../../base/memory/memory-budget.js";

/** Bytes that are compressed at a time. */
const PART = 2 ** 18;

/**
 * @param charge takes the compressed bytes
 * @throws RuntimeFault when the client leaves, or the server's memory is used up
 */
export function packPieces(
  pieces: readonly Buffer[],
  encoding: "gzip" | "deflate",
  charge: Charge,
  signal: Cancellation,
): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const packer = encoding === "gzip" ? createGzip() : createDeflate();
    const packed: Buffer[] = [];
    const end = (act: () => void): void => {
      signal.removeEventListener("abort", left);
      packer.destroy();
      act();
    };
    const fail = (error: unknown): void => end(() => reject(error));
    const left = (): void => fail(new RuntimeFault("CANCELLED", "the client left before its answer was compressed"));
    if (signal.aborted) return left();
    signal.addEventListener("abort", left, { once: true });
    packer.on("data", (part: Buffer) => {
      try {
        charge.add(part.length);
        packed.push(part);
      } catch (error) {
        fail(error);
      }
    });
    packer.on("error", fail);
    packer.once("end", () => end(() => resolve(packed)));
    const parts = partsOf(pieces);
    const write = (): void => {
      for (;;) {
        const { done, value } = parts.next();
        if (done) {
          packer.end();
          return;
        }
        if (!packer.write(value)) {
          packer.once("drain", write);
          return;
        }
      }
    };
    write();
  });
}

function* partsOf(pieces: readonly Buffer[]): Generator<Buffer, void> {
  for (const piece of pieces)
    for (let from = 0; from < piece.length; from += PART) yield piece.subarray(from, from + PART);
}
