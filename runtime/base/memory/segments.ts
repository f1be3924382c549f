/**
 * Bytes that arrive in chunks and whose number is not known → one buffer. They wait in segments that are not copied as they grow.
 * At the end they are joined in turns of the event loop, since copying 32 MB at once takes tens of milliseconds.
 */
import { setImmediate as turn } from "node:timers/promises";
import { bufferPool, LARGE } from "./buffer-pool.js";
import type { Charge } from "./memory-budget.js";

/** A segment is as long as all before it, at most this. */
const MOST_SEGMENT = 2 ** 22;

export class Segments {
  readonly #charge: Charge;
  readonly #full: Buffer[] = [];
  /** Memory of segments, which is returned to the pool: V8 collects the whole heap after each 64 MB of such garbage. */
  readonly #pooled: ArrayBuffer[] = [];
  #last: Buffer = Buffer.alloc(0);
  /** Bytes of the last segment that are used. */
  #used = 0;
  #charged = 0;
  length = 0;

  /** @param charge takes what is allocated */
  constructor(charge: Charge) {
    this.#charge = charge;
  }

  /** @throws RuntimeFault RESOURCE_EXHAUSTED where the budget is spent */
  add(chunk: Buffer): void {
    // The only chunk of a small message is not copied.
    if (this.length === 0) this.#begin(chunk, chunk.length);
    else
      for (let from = 0; from < chunk.length; ) {
        if (this.#used === this.#last.length) this.#extend(chunk.length - from);
        const copied = chunk.copy(this.#last, this.#used, from);
        this.#used += copied;
        from += copied;
      }
    this.length += chunk.length;
  }

  #extend(needed: number): void {
    const room = Math.max(needed, Math.min(MOST_SEGMENT, this.length));
    this.#add(room);
    this.#begin(room < LARGE ? Buffer.allocUnsafeSlow(room) : this.#fromPool(room), 0);
  }

  #fromPool(room: number): Buffer {
    const memory = bufferPool.take(room);
    this.#pooled.push(memory);
    return Buffer.from(memory, 0, room);
  }

  #begin(segment: Buffer, used: number): void {
    if (used > 0) this.#add(segment.length);
    if (this.#used > 0) this.#full.push(this.#last);
    this.#last = segment;
    this.#used = used;
  }

  #add(bytes: number): void {
    this.#charge.add(bytes);
    this.#charged += bytes;
  }

  /**
   * All bytes, once. Both the segments and the result are charged until it resolves, and the result afterwards.
   * @param isOver true once the bytes are not needed
   */
  async join(isOver: () => boolean): Promise<Buffer> {
    const parts = [...this.#full, this.#last.subarray(0, this.#used)];
    if (parts.length === 1) return parts[0]!;
    const before = this.#charged;
    this.#add(this.length);
    const whole = Buffer.allocUnsafeSlow(this.length);
    let [at, inTurn] = [0, 0];
    for (const part of parts) {
      if (isOver()) break;
      at += part.copy(whole, at);
      inTurn += part.length;
      if (inTurn < MOST_SEGMENT) continue;
      inTurn = 0;
      await turn();
    }
    this.#return();
    // Nothing is left to subtract where all was discarded meanwhile.
    this.#subtract(Math.min(before, this.#charged));
    return whole;
  }

  /** Forgets all bytes. */
  discard(): void {
    this.#return();
    this.#subtract(this.#charged);
  }

  #return(): void {
    for (const memory of this.#pooled.splice(0)) bufferPool.give(memory);
  }

  #subtract(bytes: number): void {
    this.#charge.subtract(bytes);
    this.#charged -= bytes;
  }
}
