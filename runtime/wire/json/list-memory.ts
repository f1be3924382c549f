/**
 * Memory of the lists of one JSON text while it is read. It is charged, taken from the pool, and returned also when the text is refused.
 */
import { bufferPool, LARGE } from "../../base/memory/buffer-pool.js";

/** Takes the bytes that are allocated. @throws RuntimeFault when there is no memory for them */
export type Allocated = (bytes: number) => void;

export class ListMemory {
  readonly #allocated: Allocated | undefined;
  /** Buffers that are not returned yet: returned twice, one would be in two requests. */
  #held: Set<ArrayBufferLike> | undefined;

  constructor(allocated?: Allocated) {
    this.#allocated = allocated;
  }

  /** Memory of at least this size, with undefined content. @throws RuntimeFault */
  take(bytes: number): ArrayBuffer {
    this.#allocated?.(bytes);
    if (bytes < LARGE) return new ArrayBuffer(bytes);
    const memory = bufferPool.take(bytes);
    this.#held ??= new Set();
    this.#held.add(memory);
    return memory;
  }

  /** The same as bytes of exactly this size. */
  takeBytes(length: number): Buffer {
    if (length >= LARGE) return Buffer.from(this.take(length), 0, length);
    this.#allocated?.(length);
    return Buffer.allocUnsafe(length);
  }

  /** Nothing reads a part any more. */
  release(part: ArrayBufferView): void {
    // Short ones have no buffer before it is looked at.
    if (part.byteLength < LARGE || !this.#held?.delete(part.buffer)) return;
    bufferPool.give(part.buffer as ArrayBuffer);
  }

  /** Nothing reads the lists any more. */
  end(): void {
    if (!this.#held) return;
    for (const memory of this.#held) bufferPool.give(memory as ArrayBuffer);
    this.#held = undefined;
  }
}
