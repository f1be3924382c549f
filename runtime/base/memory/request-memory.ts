/**
 * Large memory that one request borrows: its message, and what models answered with. It goes back when the answer has been written, if all that the request
 * went through said that they keep nothing of it; otherwise it is left to the garbage collector, which is always right.
 */
import { type BufferPool, bufferPool } from "./buffer-pool.js";

/** Where a buffer goes back to. */
export type Home = Pick<BufferPool, "give">;

export class RequestMemory {
  readonly #held = new Map<ArrayBufferLike, Home>();
  #pinned: Set<ArrayBufferLike> | undefined;
  #mayReturn = false;
  #isKept = false;
  #ended = false;

  /** A buffer of at least so many bytes. */
  take(bytes: number): ArrayBuffer {
    const buffer = bufferPool.take(bytes);
    this.#held.set(buffer, bufferPool);
    return buffer;
  }

  /** A buffer that came with an answer belongs to the request from now on. */
  adopt(buffer: ArrayBuffer, home: Home): void {
    if (this.#ended) home.give(buffer);
    else this.#held.set(buffer, home);
  }

  /** Whether a buffer may be moved to another thread: it belongs to this request, and nothing here looks at it meanwhile. */
  moves(buffer: ArrayBufferLike): boolean {
    return this.#held.has(buffer) && !this.#isKept && !this.#pinned?.has(buffer);
  }

  /** Somebody looks at this buffer: it stays. */
  pin(buffer: ArrayBufferLike): void {
    this.#pinned ??= new Set();
    this.#pinned.add(buffer);
  }

  /** The buffer has gone to another thread; `adopt` takes what comes back. @returns where it goes in the end */
  moved(buffer: ArrayBufferLike): Home {
    const home = this.#held.get(buffer)!;
    this.#held.delete(buffer);
    return home;
  }

  /** Something keeps a part of this memory for longer than the request: it stays as it is. */
  keep(): void {
    this.#isKept = true;
  }

  /** The models that ran keep nothing. */
  release(): void {
    this.#mayReturn = true;
  }

  /** The answer has been written, and nobody works on the request any more. */
  end(): void {
    this.#ended = true;
    if (this.#mayReturn && !this.#isKept) for (const [buffer, home] of this.#held) home.give(buffer as ArrayBuffer);
    this.#held.clear();
  }
}
