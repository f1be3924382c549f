/**
 * The tokens of a JSON document: numbers, strings and words → values, or RapidJSON's faults. Long strings are read in parts.
 */
import { internal } from "../../base/errors.js";
import type { DataList } from "./data-list.js";
import { toDouble } from "./decimal.js";

export const [QUOTE, BACKSLASH, MINUS] = [0x22, 0x5c, 0x2d] as const;
const [ZERO, NINE, DOT, PLUS, SMALL_E, SMALL_U] = [0x30, 0x39, 0x2e, 0x2b, 0x65, 0x75] as const;
/** Digits are kept as an integer of the first ten and one of the others, which are at most nine. */
const LEADING_DIGITS = 10;
const MOST_DIGITS = 19;
/** An integer of at most 15 digits is an exact double. */
const EXACT_DIGITS = 15;
const POWERS = Array.from({ length: MOST_DIGITS - LEADING_DIGITS + 1 }, (_, i) => 10 ** i);
const [TWO15, TWO17, TWO21, TWO31, TWO32] = [2 ** 15, 2 ** 17, 2 ** 21, 2 ** 31, 2 ** 32] as const;
/** Characters of a number; reading longer ones would take a while. */
const LONGEST_NUMBER = 2 ** 16;
/** Bytes that are decoded together: plain strings are parts of that, since decoding each costs more. */
const WINDOW = 2048;
/** Bytes of a string that are decoded at a time. */
const PART = 2 ** 18;

/** The characters that a backslash escapes, by their codes. */
const ESCAPES = new Uint8Array(128);
for (const [escaped, char] of ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"])
  ESCAPES[escaped!.charCodeAt(0)] = char!.charCodeAt(0);

export class JsonScanner {
  readonly bytes: Buffer;
  /** The place that is read next. */
  at = 0;
  /** The last string. */
  text = "";
  /** Whether the last number was written with a fraction or an exponent, or is none. */
  isFraction = false;
  /** Whether the last number is whole and no double holds it, but 64 bits do: the halves of its two's complement. */
  isWide = false;
  upper = 0;
  lower = 0;

  /** A part of the document as text, each byte a character. */
  #window = "";
  #windowAt = 0;
  /** The string that is being read: the start of its undecoded part, and the kinds of characters in it. */
  #from = 0;
  #isAscii = true;
  #isEscaped = false;
  #isTextKept = false;
  #sink: DataList | undefined;
  #likely: readonly string[] | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  fail(text: string, offset = this.at): never {
    throw internal(`failed to parse the request JSON buffer: ${text} at ${offset}`);
  }

  /** A number, or the sign of one in halves; `isFraction` and `isWide` have its form. */
  number(): number {
    const { bytes } = this;
    const start = this.at;
    const stop = start + LONGEST_NUMBER;
    let at = start;
    let c = bytes[at]!;
    const isNegative = c === MINUS;
    if (isNegative) c = bytes[++at]!;
    this.isWide = false;
    if (c === 0x49 || c === 0x4e) {
      this.at = at;
      this.isFraction = true;
      return this.word(isNegative ? -1 : 1) as number;
    }
    if (!(c >= ZERO && c <= NINE)) this.fail("Invalid value.", at);
    // Digits up to the first ten, and those after them; leading zeros are none.
    let leading = 0;
    let tail = 0;
    let digits = 0;
    if (c === ZERO) c = bytes[++at]!;
    else
      for (; c >= ZERO && c <= NINE && at < stop; c = bytes[++at]!) {
        if (digits < LEADING_DIGITS) leading = leading * 10 + (c - ZERO);
        else if (digits < MOST_DIGITS) tail = tail * 10 + (c - ZERO);
        digits++;
      }
    let exponent = 0;
    let isFraction = false;
    if (c === DOT) {
      isFraction = true;
      const afterDot = ++at;
      c = bytes[at]!;
      for (; c >= ZERO && c <= NINE && at < stop; c = bytes[++at]!) {
        if (digits < LEADING_DIGITS) leading = leading * 10 + (c - ZERO);
        else if (digits < MOST_DIGITS) tail = tail * 10 + (c - ZERO);
        if (digits > 0 || c !== ZERO) digits++;
      }
      if (at === afterDot) this.fail("Miss fraction part in number.", at);
      exponent = afterDot - at;
    }
    if ((c | 0x20) === SMALL_E) {
      isFraction = true;
      c = bytes[++at]!;
      const isDown = c === MINUS;
      if (isDown || c === PLUS) c = bytes[++at]!;
      const first = at;
      let written = 0;
      for (; c >= ZERO && c <= NINE && at < stop; c = bytes[++at]!)
        if (written < 1e4) written = written * 10 + (c - ZERO);
      if (at === first) this.fail("Miss exponent in number.", at);
      exponent += isDown ? -written : written;
    }
    if (at >= stop) this.fail("Number too big to be stored in double.", start);
    this.at = at;
    this.isFraction = isFraction;
    if (!isFraction && digits > EXACT_DIGITS) return this.#largeInteger(start, leading, tail, digits, isNegative);
    const value =
      digits <= LEADING_DIGITS && exponent === 0
        ? leading
        : ((digits <= MOST_DIGITS ? toDouble(leading, tail, digits, exponent) : undefined) ??
          Math.abs(Number(this.#slice(start, at))));
    // An integer has no negative zero.
    if (!isFraction) return isNegative ? 0 - value : value;
    if (value === Number.POSITIVE_INFINITY) this.fail("Number too big to be stored in double.", start);
    return isNegative ? -value : value;
  }

  /** An integer of 16 digits or more. @returns it, or its sign where `isWide` */
  #largeInteger(start: number, leading: number, tail: number, digits: number, isNegative: boolean): number {
    if (digits <= MOST_DIGITS + 1 && this.#hasHalves(leading, tail, digits)) {
      const { upper, lower } = this;
      if (upper < TWO21) {
        const value = upper * TWO32 + lower;
        return isNegative ? -value : value;
      }
      this.isWide = true;
      if (!isNegative) return 0;
      if (upper < TWO31 || (upper === TWO31 && lower === 0)) {
        this.upper = (TWO32 - upper - Number(lower > 0)) % TWO32;
        this.lower = lower > 0 ? TWO32 - lower : 0;
        return -1;
      }
      this.isWide = false;
    }
    const approximate = Number(this.#slice(start, this.at));
    if (!Number.isFinite(approximate)) this.fail("Number too big to be stored in double.", start);
    this.isFraction = true;
    return approximate;
  }

  /** Sets the halves of an integer of 11 to 20 digits. @returns false where 64 bits don't hold it */
  #hasHalves(leading: number, tail: number, digits: number): boolean {
    const after = POWERS[Math.min(digits, MOST_DIGITS) - LEADING_DIGITS]!;
    // All sums and products are below 2^53: leading × after is taken in two parts of 17 bits.
    const high = Math.floor(leading / TWO17);
    const product = high * after;
    const rest = (leading - high * TWO17) * after + tail + (product % TWO15) * TWO17;
    this.upper = Math.floor(product / TWO15) + Math.floor(rest / TWO32);
    this.lower = rest % TWO32;
    if (digits > MOST_DIGITS) {
      const lower = this.lower * 10 + this.bytes[this.at - 1]! - ZERO;
      this.upper = this.upper * 10 + Math.floor(lower / TWO32);
      this.lower = lower % TWO32;
    }
    return this.upper < TWO32;
  }

  /** A literal word; the offset of a fault is where it stops matching. */
  word(sign: number): boolean | number | null {
    switch (this.bytes[this.at]) {
      case 0x74:
        this.#expect("true");
        return true;
      case 0x66:
        this.#expect("false");
        return false;
      case 0x6e:
        this.#expect("null");
        return null;
      case 0x4e:
        this.#expect("NaN");
        return Number.NaN;
      case 0x49:
        if (this.#matches("Infinity")) this.at += 8;
        else if (this.#matches("Inf")) this.at += 3;
        else this.#expect("Infinity");
        return sign * Number.POSITIVE_INFINITY;
      default:
        return this.fail("Invalid value.");
    }
  }

  #matches(word: string): boolean {
    for (let i = 0; i < word.length; i++) if (this.bytes[this.at + i] !== word.charCodeAt(i)) return false;
    return true;
  }

  #expect(word: string): void {
    for (let i = 0; i < word.length; i++, this.at++)
      if (this.bytes[this.at] !== word.charCodeAt(i)) this.fail("Invalid value.");
  }

  /**
   * Begins with the string whose opening quotation mark is next.
   * @param isKept whether `text` is to be what it says
   * @param sink takes its bytes
   * @param likely strings that it may be
   */
  beginText(isKept: boolean, sink?: DataList, likely?: readonly string[]): void {
    this.#from = ++this.at;
    this.#isAscii = true;
    this.#isEscaped = false;
    this.#isTextKept = isKept;
    this.#sink = sink;
    this.#likely = likely;
    this.text = "";
  }

  /** @returns whether the string has ended; there is more to read of it otherwise */
  readText(pause: number): boolean {
    const { bytes } = this;
    let stop = Math.min(pause, this.#from + PART);
    let at = this.at;
    for (;;) {
      const c = bytes[at];
      if (c === QUOTE) {
        this.#flush(at);
        this.at = at + 1;
        return true;
      }
      if (c === BACKSLASH) {
        if (this.#sink) this.#flush(at);
        this.at = at;
        const char = this.#escape();
        at = this.at;
        if (this.#sink) this.#sinkChar(char);
        else this.#isEscaped = true;
      } else if (c === undefined || c < 0x20) {
        this.at = at;
        this.fail(
          c === undefined || c === 0
            ? "Missing a closing quotation mark in string."
            : "Invalid escape character in string.",
        );
      } else {
        if (c > 0x7f) this.#isAscii = false;
        at++;
      }
      if (at < stop) continue;
      // Not amid the bytes of a character, of which there are four at most.
      if (at - this.#from >= PART && ((bytes[at]! & 0xc0) !== 0x80 || at - this.#from >= PART + 4)) this.#flush(at);
      this.at = at;
      if (at >= pause) return false;
      stop = Math.min(pause, Math.max(at + 1, this.#from + PART));
    }
  }

  /** Appends the part of the string that was read so far. */
  #flush(to: number): void {
    const from = this.#from;
    if (this.#sink) this.#sink.textBytes(this.bytes, from, to);
    else if (this.#isTextKept) {
      const part = this.#decode(from, to);
      this.text = this.text === "" ? part : this.text + part;
    }
    this.#from = to;
    this.#isAscii = true;
    this.#isEscaped = false;
  }

  #decode(from: number, to: number): string {
    if (this.#isEscaped) return this.#unescape(from, to);
    if (!this.#isAscii) return this.bytes.toString("utf8", from, to);
    return (this.#likely && this.#oneOf(this.#likely, from, to)) ?? this.#slice(from, to);
  }

  #oneOf(likely: readonly string[], from: number, to: number): string | undefined {
    const { bytes } = this;
    const length = to - from;
    for (const text of likely) {
      if (text.length !== length) continue;
      let i = 0;
      while (i < length && bytes[from + i] === text.charCodeAt(i)) i++;
      if (i === length) return text;
    }
    return undefined;
  }

  /** The characters of ASCII bytes. */
  #slice(from: number, to: number): string {
    if (to - from > WINDOW / 2) return this.bytes.toString("latin1", from, to);
    if (from < this.#windowAt || to > this.#windowAt + this.#window.length) {
      this.#windowAt = from;
      this.#window = this.bytes.toString("latin1", from, from + WINDOW);
    }
    return this.#window.slice(from - this.#windowAt, to - this.#windowAt);
  }

  #unescape(from: number, to: number): string {
    const { bytes } = this;
    const end = this.at;
    const plain = Buffer.allocUnsafe(to - from);
    let length = 0;
    this.at = from;
    while (this.at < to) {
      const c = bytes[this.at]!;
      if (c === BACKSLASH) length = writeUtf8(this.#escape(), plain, length);
      else {
        plain[length++] = c;
        this.at++;
      }
    }
    this.at = end;
    return plain.toString("utf8", 0, length);
  }

  #sinkChar(char: number): void {
    const length = writeUtf8(char, encoded, 0);
    this.#sink!.textBytes(encoded, 0, length);
    this.#from = this.at;
  }

  /** The code of an escaped character. */
  #escape(): number {
    const start = this.at;
    const c = this.bytes[start + 1] ?? 0;
    this.at = start + 2;
    const simple = ESCAPES[c];
    if (simple) return simple;
    if (c !== SMALL_U) this.fail("Invalid escape character in string.", start);
    const high = this.#hex4(start);
    if (high < 0xd800 || high > 0xdfff) return high;
    if (high > 0xdbff || this.bytes[this.at] !== BACKSLASH || this.bytes[this.at + 1] !== SMALL_U)
      this.fail("The surrogate pair in string is invalid.", start);
    this.at += 2;
    const low = this.#hex4(start);
    if (low < 0xdc00 || low > 0xdfff) this.fail("The surrogate pair in string is invalid.", start);
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  }

  #hex4(start: number): number {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexDigit(this.bytes[this.at + i]);
      if (digit < 0) this.fail("Incorrect hex digit after \\u escape in string.", start);
      value = value * 16 + digit;
    }
    this.at += 4;
    return value;
  }
}

const encoded = Buffer.alloc(4);

function hexDigit(c: number | undefined): number {
  if (c === undefined) return -1;
  if (c >= ZERO && c <= NINE) return c - ZERO;
  const letter = c | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** @returns the place after the character */
function writeUtf8(char: number, to: Uint8Array, at: number): number {
  if (char < 0x80) {
    to[at] = char;
    return at + 1;
  }
  if (char < 0x800) {
    to[at] = 0xc0 | (char >> 6);
    to[at + 1] = 0x80 | (char & 0x3f);
    return at + 2;
  }
  if (char < 0x10000) {
    to[at] = 0xe0 | (char >> 12);
    to[at + 1] = 0x80 | ((char >> 6) & 0x3f);
    to[at + 2] = 0x80 | (char & 0x3f);
    return at + 3;
  }
  to[at] = 0xf0 | (char >> 18);
  to[at + 1] = 0x80 | ((char >> 12) & 0x3f);
  to[at + 2] = 0x80 | ((char >> 6) & 0x3f);
  to[at + 3] = 0x80 | (char & 0x3f);
  return at + 4;
}
