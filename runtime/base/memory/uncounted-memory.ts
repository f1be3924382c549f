/**
 * Memory that V8 does not count. V8 takes all memory outside its heap for garbage, and collects after each 64 MB of it. Many requests that
 * wait with their bodies would cause pauses that free nothing. Buffers in use are therefore subtracted, and counted again once they may be
 * garbage.
 */

/** Changes the number of bytes that V8 counts outside its heap: `napi_adjust_external_memory`. */
export type AdjustExternalMemory = (change: number) => void;

/** Uncounted buffers of one time. */
interface Generation {
  bytes: number;
  /** Their bytes are counted again. */
  isOver: boolean;
}

interface Known {
  readonly size: number;
  generation: Generation;
}

const begin = (): Generation => ({ bytes: 0, isOver: false });

export class UncountedMemory {
  #adjust: AdjustExternalMemory | undefined;
  readonly #known = new WeakMap<ArrayBuffer, Known>();
  readonly #idle = begin();
  #current = begin();
  #last = begin();
  /** V8 has subtracted a collected buffer, which was subtracted before. */
  readonly #collected = new FinalizationRegistry<Known>(known => this.#count(known));

  /** Counts as V8 does until there is a binding. */
  use(adjust: AdjustExternalMemory | undefined): void {
    this.#adjust = adjust;
  }

  /** Bytes that are subtracted from V8's count. */
  get bytes(): number {
    return this.#idle.bytes + this.#current.bytes + this.#last.bytes;
  }

  /** True if buffers are lent that `turn` has not counted yet. */
  get lends(): boolean {
    return this.#current.bytes + this.#last.bytes > 0;
  }

  /** The buffer is in use from now on, for one or two turns at least. */
  lend(buffer: ArrayBuffer): void {
    this.#move(buffer, this.#current);
  }

  /** The buffer is idle until it is lent again or dropped. */
  keep(buffer: ArrayBuffer): void {
    this.#move(buffer, this.#idle);
  }

  /** The buffer is left to the garbage collector. */
  drop(buffer: ArrayBuffer): void {
    const known = this.#known.get(buffer);
    if (known) this.#count(known);
  }

  /** Counts buffers that were lent before the last turn and not returned: they may be garbage. */
  turn(): void {
    const { bytes } = this.#last;
    this.#last.bytes = 0;
    this.#last.isOver = true;
    this.#last = this.#current;
    this.#current = begin();
    if (bytes > 0) this.#adjust?.(bytes);
  }

  #move(buffer: ArrayBuffer, generation: Generation): void {
    if (!this.#adjust) return;
    const size = buffer.byteLength;
    const known = this.#known.get(buffer);
    generation.bytes += size;
    if (!known) {
      const made = { size, generation };
      this.#known.set(buffer, made);
      this.#collected.register(buffer, made);
      this.#adjust(-size);
      return;
    }
    if (known.generation.isOver) this.#adjust(-size);
    else known.generation.bytes -= size;
    known.generation = generation;
  }

  #count(known: Known): void {
    const { size, generation } = known;
    if (generation.isOver) return;
    generation.bytes -= size;
    known.generation = COUNTED;
    this.#adjust?.(size);
  }
}

const COUNTED: Generation = { bytes: 0, isOver: true };
