/**
 * Texts `value:index[:label]`, each after its length in four bytes, as a tensor of BYTES holds them.
 */
import type { Charge } from "../../base/memory/memory-budget.js";

/** The longest: a double of 309 digits before its six decimals, a sign, and an index. */
const LONGEST = 384;
const FIRST = 2 ** 10;
const LENGTH = 4;
const [ZERO, COLON, MINUS, DOT] = [48, 58, 45, 46];
const DECIMALS = 1e6;
/** From here on there are no decimals, and more digits than arithmetic on doubles yields. */
const WHOLE = 2 ** 53;
/** Only numbers that end in these bits have a tie between two decimals: 10^6 is 2^6 times an odd number. */
const TIE = 2 ** 7;

export class ClassTexts {
  readonly #isFloat: boolean;
  readonly #labels: readonly string[];
  readonly #charge: Charge | undefined;
  #buffer = Buffer.allocUnsafe(FIRST);
  #at = 0;
  #count = 0;

  /** @param isFloat whether values have decimals @param charge the account of the request */
  constructor(isFloat: boolean, labels: readonly string[], charge: Charge | undefined) {
    this.#isFloat = isFloat;
    this.#labels = labels;
    this.#charge = charge;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#at);
  }

  /** @throws RuntimeFault where the server's memory is used up */
  add(value: number | bigint, index: number): void {
    const label = this.#labels[index];
    this.#reserve(LENGTH + LONGEST + (label === undefined ? 0 : 3 * label.length));
    const start = this.#at;
    this.#at += LENGTH;
    if (!this.#isFloat) this.#integer(value);
    else this.#fixed(value as number);
    this.#buffer[this.#at++] = COLON;
    this.#digits(index);
    if (label !== undefined) {
      this.#buffer[this.#at++] = COLON;
      this.#at += this.#buffer.write(label, this.#at, "utf8");
    }
    this.#buffer.writeUInt32LE(this.#at - start - LENGTH, start);
    this.#count++;
  }

  #reserve(bytes: number): void {
    const { length } = this.#buffer;
    if (length - this.#at >= bytes) return;
    const size = Math.max(2 * length, this.#at + bytes);
    this.#charge?.add(size);
    const larger = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
    if (length > FIRST) this.#charge?.subtract(length);
  }

  #text(text: string): void {
    this.#at += this.#buffer.write(text, this.#at, "latin1");
  }

  #integer(value: number | bigint): void {
    if (typeof value === "bigint") this.#text(String(value));
    else {
      if (value < 0) this.#buffer[this.#at++] = MINUS;
      this.#digits(Math.abs(value));
    }
  }

  /** @param value a whole number from 0 below 2^53 */
  #digits(value: number): void {
    let size = 1;
    for (let limit = 10; value >= limit; limit *= 10) size++;
    this.#padded(value, size);
  }

  #padded(value: number, size: number): void {
    let left = value;
    for (let at = this.#at + size - 1; at >= this.#at; at--) {
      const rest = Math.floor(left / 10);
      this.#buffer[at] = ZERO + left - 10 * rest;
      left = rest;
    }
    this.#at += size;
  }

  /** As `std::to_string` prints a double: six decimals of its exact value, a tie to the even one, and every digit before them. */
  #fixed(value: number): void {
    const size = Math.abs(value);
    if (!(size < WHOLE)) {
      this.#text(printLarge(value));
      return;
    }
    if (value < 0 || Object.is(value, -0)) this.#buffer[this.#at++] = MINUS;
    let whole = Math.floor(size);
    const scaled = (size - whole) * DECIMALS;
    let decimals = Math.floor(scaled);
    const rest = scaled - decimals;
    if (Math.abs(rest - 0.5) < 1e-6) {
      // Too close for arithmetic on doubles, or a tie.
      const isTie = Number.isInteger(size * TIE);
      if (!isTie) {
        this.#text(size.toFixed(6));
        return;
      }
      decimals += decimals % 2;
    } else if (rest > 0.5) decimals++;
    if (decimals === DECIMALS) [whole, decimals] = [whole + 1, 0];
    this.#digits(whole);
    this.#buffer[this.#at++] = DOT;
    this.#padded(decimals, 6);
  }
}

function printLarge(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return `${BigInt(value)}.000000`;
}
