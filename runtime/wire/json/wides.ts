/**
 * Integers that no double holds, without a JavaScript value for each: places and halves of 64 bits, in parts.
 */
import type { ListMemory } from "./list-memory.js";

const [PLACE, LOWER, UPPER, IS_NEGATIVE, WORDS] = [0, 1, 2, 3, 4] as const;
/** Integers of a part: few at first, then so many that one is quickly filled. */
const [FEW, MOST, GROWTH] = [16, 2 ** 13, 8] as const;
const TWO32 = 2 ** 32;
const NO_WORDS = new Uint32Array(0);

interface Elements {
  [place: number]: number;
}

export class Wides {
  count = 0;
  readonly #full: Uint32Array[] = [];
  #part = NO_WORDS;
  #at = 0;

  readonly #memory: ListMemory;

  constructor(memory: ListMemory) {
    this.#memory = memory;
  }

  /** @param place of the integer among all elements, below 2^32 @param upper of its two's complement, unsigned as `lower` */
  add(place: number, upper: number, lower: number, isNegative: boolean): void {
    if (this.#at === this.#part.length) this.#grow();
    const at = this.#at;
    this.#part[at + PLACE] = place;
    this.#part[at + LOWER] = lower;
    this.#part[at + UPPER] = upper;
    this.#part[at + IS_NEGATIVE] = Number(isNegative);
    this.#at = at + WORDS;
    this.count++;
  }

  /** Four words for each integer, in parts. */
  get parts(): readonly Uint32Array[] {
    return this.#at > 0 ? [...this.#full, this.#part.subarray(0, this.#at)] : this.#full;
  }

  #grow(): void {
    const words = Math.min(MOST * WORDS, Math.max(FEW * WORDS, this.#part.length * GROWTH));
    const memory = this.#memory.take(4 * words);
    if (this.#part.length > 0) this.#full.push(this.#part);
    this.#part = new Uint32Array(memory, 0, words);
    this.#at = 0;
  }
}

/** Writes a part into 64-bit integers, each as its lower and its upper half. */
export function setWides(halves: Uint32Array, part: Uint32Array): void {
  for (let i = 0; i < part.length; i += WORDS) {
    const at = 2 * part[i + PLACE]!;
    halves[at] = part[i + LOWER]!;
    halves[at + 1] = part[i + UPPER]!;
  }
}

/** Writes a part into doubles or singles, rounded to the nearest. */
export function setRounded(values: Elements, part: Uint32Array): void {
  for (let i = 0; i < part.length; i += WORDS) {
    const upper = part[i + UPPER]! - part[i + IS_NEGATIVE]! * TWO32;
    values[part[i + PLACE]!] = upper * TWO32 + part[i + LOWER]!;
  }
}

/** Writes a part into integers of at most 32 bits, which wrap. */
export function setWrapped(values: Elements, part: Uint32Array): void {
  for (let i = 0; i < part.length; i += WORDS) values[part[i + PLACE]!] = part[i + LOWER]!;
}

/** The integer of two halves. */
export function wideValue(upper: number, lower: number, isNegative: boolean): bigint {
  const value = (BigInt(upper) << 32n) + BigInt(lower);
  return isNegative ? BigInt.asIntN(64, value) : value;
}
