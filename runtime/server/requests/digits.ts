/**
 * Whole numbers as decimal digits in a buffer, four at a time.
 */

const GROUP = 10_000;
const ZERO = 48;
/** The four digits of each number below 10,000, as the bytes of a little-endian word. */
const FOUR = Uint32Array.from({ length: GROUP }, (_, n) => {
  const digit = (power: number): number => ZERO + (Math.floor(n / power) % 10);
  return digit(1000) | (digit(100) << 8) | (digit(10) << 16) | (digit(1) << 24);
});
/** The bytes of `nan`, as a little-endian word. */
const NAN = 0x6e616e;
/** Integers below this are divided by a multiplication. */
export const SMALL = 2 ** 31;

export class Digits {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** The offset of the next byte. The caller keeps room for four bytes more than it writes. */
  at = 0;
  readonly size: number;

  constructor(size: number) {
    this.size = size;
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
  }

  get written(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  byte(value: number): void {
    this.view.setUint8(this.at++, value);
  }

  nan(): void {
    this.view.setUint32(this.at, NAN, true);
    this.at += 3;
  }

  text(text: string): void {
    this.at += this.bytes.write(text, this.at, "utf8");
  }

  /** Adds a whole number from 0 below 2^53. */
  add(value: number): void {
    if (value < SMALL) this.small(value | 0);
    else this.text(String(value));
  }

  /** Adds an integer from 0 below `SMALL`. */
  small(value: number): void {
    if (value < GROUP) this.#first(value);
    else this.#large(value);
  }

  /** Adds an integer below a million as six digits, zeros in front. */
  six(value: number): void {
    const high = (value / 100) | 0;
    this.#four(high);
    // Its two last digits.
    this.view.setUint32(this.at, FOUR[value - 100 * high]! >>> 16, true);
    this.at += 2;
  }

  #large(value: number): void {
    const high = (value / GROUP) | 0;
    if (high < GROUP) this.#first(high);
    else {
      const higher = (high / GROUP) | 0;
      this.#first(higher);
      this.#four(high - GROUP * higher);
    }
    this.#four(value - GROUP * high);
  }

  /** Adds a number below 10,000 without zeros in front. */
  #first(value: number): void {
    const zeros = value < 10 ? 3 : value < 100 ? 2 : value < 1000 ? 1 : 0;
    this.view.setUint32(this.at, FOUR[value]! >>> (8 * zeros), true);
    this.at += 4 - zeros;
  }

  #four(value: number): void {
    this.view.setUint32(this.at, FOUR[value]!, true);
    this.at += 4;
  }
}
