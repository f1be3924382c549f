/**
 * Bytes that a connection has received and cannot use yet. The store doubles when it grows, so the cost of a byte does not depend on the size of the reads.
 */
const LEAST = 1024;

export class HeldBytes {
  #store: Buffer | undefined;
  #start = 0;
  #end = 0;

  get size(): number {
    return this.#end - this.#start;
  }

  /** @returns the bytes themselves, valid until the next `append` */
  view(): Buffer {
    return this.#store!.subarray(this.#start, this.#end);
  }

  /** @param from where the bytes to keep begin; they are copied */
  append(bytes: Buffer, from = 0): void {
    const { size } = this;
    const added = bytes.length - from;
    let store = this.#store;
    if (!store || this.#end + added > store.length) {
      const needed = size + added;
      const grown = store && needed <= store.length / 2 ? store : Buffer.allocUnsafeSlow(Math.max(LEAST, 2 * needed));
      store?.copy(grown, 0, this.#start, this.#end);
      store = grown;
      this.#store = grown;
      this.#start = 0;
      this.#end = size;
    }
    bytes.copy(store, this.#end, from);
    this.#end += added;
  }

  /** Removes bytes from the begin. */
  drop(count: number): void {
    this.#start += count;
    if (this.#start >= this.#end) this.clear();
  }

  clear(): void {
    this.#store = undefined;
    this.#start = 0;
    this.#end = 0;
  }
}
