/**
 * The elements of a tensor's `data` list as they are read out of JSON: flat, in columns, without a JavaScript value for each. Which forms they were
 * written in decides later whether a datatype accepts them; what no datatype accepts is counted and not kept.
 */
import { invalid, type RuntimeFault } from "../../base/errors.js";
import { ListMemory } from "./list-memory.js";
import { Wides } from "./wides.js";

/** Nesting of a tensor's `data`: Triton refuses elements and lists beyond this depth. */
export const MAX_NESTING = 100;

export const tooDeep = (limit: number, front = ""): RuntimeFault =>
  invalid(`${front}JSON nesting depth exceeds maximum allowed limit (${limit})`);

/** How elements were written, as bits. */
export const WHOLE = 1;
/** With a fraction or an exponent, NaN and infinities. */
export const FRACTION = 2;
export const BOOLEAN = 4;
export const TEXT = 8;
/** null, an object */
export const OTHER = 16;
/** A negative whole number. */
export const NEGATIVE = 32;
/** A whole number of 2^63 or more. */
export const HUGE = 64;

const NUMBERS = WHOLE | FRACTION | NEGATIVE | HUGE;
/** Elements of the column's parts: short at first, then so long that one is quickly filled. */
const FEW = 256;
const LONGEST_PART = 2 ** 15;
const LONGEST_TEXT_PART = 2 ** 18;
const GROWTH = 8;
/** Bytes of a string's length. */
const LENGTH = 4;
const TWO31 = 2 ** 31;

/** The start of a list: most end here. A reader that pauses copies it. */
const shared = new Float64Array(FEW);

const NO_MORE: Met[] = [];
const NO_PARTS: Float64Array[] = [];
/** Numbers of a complete list that is kept without a typed array, which takes 200 bytes. */
const SCANT = 8;
const NOTHING = new Float64Array(0);

/** A form that was met, and the first element that has it. */
type Met = readonly [form: number, at: number];
export type Numbers = Float64Array | readonly number[];

export class DataList {
  /** Elements at any depth. */
  count = 0;
  /** Items of the outermost list itself. */
  items = 0;
  /** Lists in lists; 1 without any. */
  depth = 1;
  /** The forms of all elements together. */
  forms = 0;
  /** Integers that are not exact doubles, if there are any. */
  wides: Wides | undefined;

  /** The forms of the first element, and those that were met after it. */
  #firstForms = 0;
  #met = NO_MORE;
  readonly #memory: ListMemory;
  #parts = NO_PARTS;
  #part = shared;
  /** All numbers of a short list that is complete. */
  #scant: readonly number[] | undefined;
  #at = 0;
  #texts: Texts | undefined;
  #isKept = true;

  constructor(memory = new ListMemory()) {
    this.#memory = memory;
  }

  number(value: number, form: number): void {
    if ((this.forms & form) !== form) this.#meet(form);
    this.count++;
    if (!this.#isKept) return;
    if (this.#at === this.#part.length) this.#grow();
    this.#part[this.#at++] = value;
    if ((this.forms & ~NUMBERS) !== 0) this.#drop();
  }

  /** An integer that no double holds: the halves of its two's complement, unsigned. */
  wide(upper: number, lower: number, isNegative: boolean): void {
    if (this.#isKept) {
      this.wides ??= new Wides(this.#memory);
      this.wides.add(this.count, upper, lower, isNegative);
    }
    this.number(0, isNegative ? WHOLE | NEGATIVE : upper >= TWO31 ? WHOLE | HUGE : WHOLE);
  }

  boolean(value: boolean): void {
    if ((this.forms & BOOLEAN) === 0) this.#meet(BOOLEAN);
    this.count++;
    if (!this.#isKept) return;
    if (this.#at === this.#part.length) this.#grow();
    this.#part[this.#at++] = value ? 1 : 0;
    if (this.forms !== BOOLEAN) this.#drop();
  }

  other(): void {
    if ((this.forms & OTHER) === 0) this.#meet(OTHER);
    this.count++;
    this.#drop();
  }

  /** Begins a string, whose bytes follow. */
  text(): void {
    if ((this.forms & TEXT) === 0) this.#meet(TEXT);
    this.count++;
    if (this.forms !== TEXT) this.#drop();
    if (!this.#isKept) return;
    this.#texts ??= new Texts(this.#memory);
    this.#texts.begin();
  }

  textBytes(bytes: Buffer, from: number, to: number): void {
    if (this.#isKept) this.#texts!.append(bytes, from, to);
  }

  /** The reader pauses: others use the shared part meanwhile. */
  pause(): void {
    if (this.#part === shared) this.#part = shared.slice();
  }

  /** The list is complete. */
  close(): void {
    const length = this.#at;
    if (length > 0 && length <= SCANT && this.#parts.length === 0) this.#scant = listOf(this.#part, length);
    else if (length > 0) this.#addPart(this.#part === shared ? shared.slice(0, length) : this.#part, length);
    this.#part = NOTHING;
  }

  #addPart(part: Float64Array, length: number): void {
    const all = part.length === length ? part : part.subarray(0, length);
    if (this.#parts === NO_PARTS) this.#parts = [all];
    else this.#parts.push(all);
  }

  /** Numbers and booleans in their order. */
  get parts(): readonly Numbers[] {
    return this.#scant ? [this.#scant] : this.#parts;
  }

  /** Strings in the raw form: each with its length in front. */
  get texts(): readonly Buffer[] {
    return this.#texts?.parts ?? [];
  }

  /** A part that nothing reads any more. */
  release(part: Numbers | Buffer): void {
    if (!Array.isArray(part)) this.#memory.release(part as Float64Array | Buffer);
  }

  /** @param forms as bits @returns the place of the first element that has one of them; Infinity where none has */
  firstOf(forms: number): number {
    if ((this.#firstForms & forms) !== 0) return 0;
    let first = Number.POSITIVE_INFINITY;
    for (const [form, at] of this.#met) if ((form & forms) !== 0 && at < first) first = at;
    return first;
  }

  /** The next element is the first in a form. */
  #meet(form: number): void {
    if (this.forms === 0) this.#firstForms = form;
    else {
      if (this.#met === NO_MORE) this.#met = [];
      this.#met.push([form & ~this.forms, this.count]);
    }
    this.forms |= form;
  }

  #grow(): void {
    const size = Math.min(LONGEST_PART, this.#part.length * GROWTH);
    const memory = this.#memory.take(8 * size);
    this.#addPart(this.#part === shared ? shared.slice() : this.#part, this.#part.length);
    this.#part = new Float64Array(memory, 0, size);
    this.#at = 0;
  }

  /** No datatype accepts these elements. */
  #drop(): void {
    if (!this.#isKept) return;
    this.#isKept = false;
    this.#parts = NO_PARTS;
    this.wides = undefined;
    this.#part = NOTHING;
    this.#at = 0;
    this.#texts = undefined;
  }
}

/** The first numbers of a part. */
function listOf(part: Float64Array, length: number): readonly number[] {
  if (length === 1) return [part[0]!];
  const list = new Array<number>(length);
  for (let i = 0; i < length; i++) list[i] = part[i]!;
  return list;
}

/** Strings, one behind the other. */
class Texts {
  readonly #memory: ListMemory;
  readonly #full: Buffer[] = [];
  #part: Buffer = Buffer.allocUnsafe(FEW);
  #at = 0;
  /** The place for the length of the last one. */
  #lengthIn = this.#part;
  #lengthAt = 0;

  constructor(memory: ListMemory) {
    this.#memory = memory;
  }

  begin(): void {
    if (this.#part.length - this.#at < LENGTH) this.#grow();
    this.#lengthIn = this.#part;
    this.#lengthAt = this.#at;
    // Written once the end has been found; a fill of four bytes costs more than this.
    const part = this.#part;
    for (let i = 0; i < LENGTH; i++) part[this.#at++] = 0;
  }

  append(bytes: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to) {
      if (this.#at === this.#part.length) this.#grow();
      const end = Math.min(to, at + this.#part.length - this.#at);
      if (end - at > 32) bytes.copy(this.#part, this.#at, at, end);
      else for (let i = at, j = this.#at; i < end; i++, j++) this.#part[j] = bytes[i]!;
      this.#at += end - at;
      at = end;
    }
    const length = this.#lengthIn.readUInt32LE(this.#lengthAt) + to - from;
    this.#lengthIn.writeUInt32LE(length, this.#lengthAt);
  }

  get parts(): readonly Buffer[] {
    return [...this.#full, this.#part.subarray(0, this.#at)];
  }

  #grow(): void {
    const size = Math.min(LONGEST_TEXT_PART, this.#part.length * GROWTH);
    const grown = this.#memory.takeBytes(size);
    this.#full.push(this.#part.subarray(0, this.#at));
    this.#part = grown;
    this.#at = 0;
  }
}
