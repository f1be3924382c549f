/**
 * Large memory that one request borrows: its message, and the outputs of models. It is returned once the response has been written, if
 * every part that handled the request declared that it keeps no reference. Otherwise it is left to the garbage collector at once: V8 would not
 * collect while it does not count what may be garbage.
 */
import { type BufferPool, bufferPool } from "./buffer-pool.js";

/** The owner to which a buffer is returned. */
export type Home = Pick<BufferPool, "give">;

export class RequestMemory {
  readonly #held = new Map<ArrayBufferLike, Home>();
  #pinned: Set<ArrayBufferLike> | undefined;
  #mayReturn = false;
  #isKept = false;
  #end: "returned" | "left" | undefined;

  /** A buffer of at least this size. */
  take(bytes: number): ArrayBuffer {
    const buffer = bufferPool.take(bytes);
    if (this.#end) bufferPool.leave(buffer);
    else this.#held.set(buffer, bufferPool);
    return buffer;
  }

  /** Adds a buffer of a response to the request's. */
  adopt(buffer: ArrayBuffer, home: Home): void {
    if (!this.#end) this.#held.set(buffer, home);
    else if (this.#end === "returned") home.give(buffer);
    else bufferPool.leave(buffer);
  }

  /** Whether a buffer may be moved to another thread: it belongs to this request, and nothing here looks at it meanwhile. */
  moves(buffer: ArrayBufferLike): boolean {
    return this.#held.has(buffer) && !this.#isKept && !this.#pinned?.has(buffer);
  }

  /** The buffer is still referenced, so it is not returned. */
  pin(buffer: ArrayBufferLike): void {
    this.#pinned ??= new Set();
    this.#pinned.add(buffer);
  }

  /** The buffer was transferred to another thread; `adopt` takes the one that is transferred back. @returns its final owner */
  moved(buffer: ArrayBufferLike): Home {
    const home = this.#held.get(buffer)!;
    this.#held.delete(buffer);
    // V8 subtracts it from its count when it leaves.
    bufferPool.leave(buffer as ArrayBuffer);
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

  /** No model has seen the request, and no code works on it any more. */
  giveBack(): void {
    this.release();
    this.end();
  }

  /** The response has been written, and no code works on the request any more. */
  end(): void {
    if (!this.#mayReturn || this.#isKept) {
      this.leave();
      return;
    }
    this.#end ??= "returned";
    for (const [buffer, home] of this.#held) home.give(buffer as ArrayBuffer);
    this.#held.clear();
  }

  /** Code may still work on the request, whose client has left or has received a fault. */
  leave(): void {
    this.#end ??= "left";
    for (const buffer of this.#held.keys()) bufferPool.leave(buffer as ArrayBuffer);
    this.#held.clear();
  }
}
