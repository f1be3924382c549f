/**
 * HPACK's dynamic table: the fields that a peer added, newest first, within a bound on their bytes.
 */
import type { Field } from "./static-table.js";

/** The size of an entry beside its letters (RFC 7541, 4.1). */
export const ENTRY_OVERHEAD = 32;
export const fieldSize = ([name, value]: Field): number => name.length + value.length + ENTRY_OVERHEAD;

export class DynamicTable {
  /** Oldest first, from `start`. */
  #entries: Field[] = [];
  #start = 0;
  #size = 0;
  #limit: number;
  /** Changes whenever an index may mean something else than before. */
  generation = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#entries.length - this.#start;
  }

  /** @param index 0 for the newest */
  at(index: number): Field | undefined {
    return index < this.length ? this.#entries[this.#entries.length - 1 - index] : undefined;
  }

  /** An entry larger than the table empties it, and that is not an error. */
  add(field: Field): void {
    this.generation++;
    this.#size += fieldSize(field);
    this.#entries.push(field);
    this.#evict();
  }

  resize(limit: number): void {
    this.generation++;
    this.#limit = limit;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) this.#size -= fieldSize(this.#entries[this.#start++]!);
    // Compacted seldom: each entry moves at most once per insertion.
    if (this.#start > 64 && this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
  }
}
