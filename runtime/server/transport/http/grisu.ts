/**
 * Doubles → decimal digits as RapidJSON 1.1 finds them (the Grisu2 algorithm of Florian Loitsch, "Printing Floating-Point Numbers Quickly
 * and Accurately with Integers", 2010). They are short, but often one or two units off in the last place. That release moves the last digit
 * towards the value only where fewer than nine decimals were made. Clients of Triton compare such texts.
 *
 * The source of the digits: the value, its upper and its lower bound, each times a power of ten, in 64 bits. The three have all but their
 * last forty bits in common. One product is therefore made, and their differences are small enough for doubles to be exact. Numbers are
 * locals or in typed arrays. This runs once per element of a JSON response, and objects or BigInt would make it many times slower.
 */
import { subnormalDigits } from "./grisu-subnormal.js";
import { powerIndex, powerOfTen } from "./power-of-ten.js";

const TWO32 = 2 ** 32;
const TWO_TO = Float64Array.from({ length: 32 }, (_, i) => 2 ** i);
const TEN_TO = Float64Array.from({ length: 10 }, (_, i) => 10 ** i);
/** Limbs of 22 bits: products of two, and sums of some, are exact. */
const LIMB = 2 ** 22;
const PER_LIMB = 1 / LIMB;

/** Powers of ten 10^-348, 10^-340, … 10^340: mantissas of 64 bits in limbs, and their binary exponents. */
let powers:
  | {
      readonly p0: Float64Array;
      readonly p1: Float64Array;
      readonly p2: Float64Array;
      readonly exponent: Int32Array;
    }
  | undefined;

function cachedPowers() {
  if (powers) return powers;
  const limbs = (): Float64Array => new Float64Array(87);
  const made = { p0: limbs(), p1: limbs(), p2: limbs(), exponent: new Int32Array(87) };
  for (let i = 0; i < 87; i++) {
    const { f, e } = powerOfTen(-348 + 8 * i);
    made.p0[i] = Number(f & 0x3fffffn);
    made.p1[i] = Number((f >> 22n) & 0x3fffffn);
    made.p2[i] = Number(f >> 44n);
    made.exponent[i] = e;
  }
  powers = made;
  return made;
}

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);
/** The digits of the last call, each 0 to 9, of which the first ones mean something. */
export const digits = new Uint8Array(20);
/** How many, and the power of ten of the last one. */
const found = new Int32Array(2);

/** The power of ten of the last one of `digits`. */
export const lastExponent = (): number => found[1]!;

/**
 * Finds `digits`: the value is digits × 10^`lastExponent()`.
 * @param value finite and above 0
 * @returns how many there are
 */
export function findDigits(value: number): number {
  double[0] = value;
  const bits = halves[1]!;
  const low = halves[0]!;
  const biased = bits >>> 20;
  if (biased === 0) {
    const { text, exponent } = subnormalDigits(low + (bits & 0xfffff) * TWO32);
    for (let i = 0; i < text.length; i++) digits[i] = text.charCodeAt(i) - 0x30;
    found[1] = exponent;
    return text.length;
  }
  const upper = (bits & 0xfffff) + 0x100000;
  // The highest value that still means the same, as 64 bits times 2^binary.
  const binary = biased - 1086;
  const index = powerIndex(binary);
  const { p0, p1, p2, exponent } = cachedPowers();
  const [b0, b1, b2] = [p0[index]!, p1[index]!, p2[index]!];
  const a2 = upper >>> 12;
  const a1 = ((upper & 0xfff) << 10) | (low >>> 22);
  const a0 = low & 0x3fffff;
  // The product in columns of 22 bits; the uppermost two are the same for all three values.
  const c0 = a0 * b0;
  const c1 = a0 * b1 + a1 * b0;
  const c2 = a0 * b2 + a1 * b1 + a2 * b0;
  const c3 = a1 * b2 + a2 * b1;
  const c4 = a2 * b2;
  // The sums of the lower columns, rounded: of the value f, of 2f + 1, and of 2f - 1 (4f - 1 above a power of two).
  const middle = Math.floor((c2 + Math.floor((c1 + Math.floor(c0 * PER_LIMB)) * PER_LIMB) + 256) / 512);
  const top = Math.floor(
    (2 * c2 + b2 + Math.floor((2 * c1 + b1 + Math.floor((2 * c0 + b0) * PER_LIMB)) * PER_LIMB) + 512) / 1024,
  );
  const times = upper === 0x100000 && low === 0 ? 4 : 2;
  const bottom = Math.floor(
    (times * c2 -
      b2 +
      Math.floor((times * c1 - b1 + Math.floor((times * c0 - b0) * PER_LIMB)) * PER_LIMB) +
      times * 256) /
      (times * 512),
  );
  // One unit inside, since each may be one off.
  const delta = top - bottom - 2;
  const distance = top - 1 - middle;
  const c3Upper = Math.floor(c3 / 2 ** 19);
  const sum = top - 1 + (c3 - c3Upper * 2 ** 19) * 2 ** 13;
  const carry = Math.floor(sum / TWO32);
  // From -60 to -32: the whole part is inside the upper half.
  const shift = -(binary + exponent[index]! + 64) - 32;
  const kappa = generate(c3Upper + c4 * 8 + carry, sum - carry * TWO32, shift, delta, distance);
  found[1] = 348 - 8 * index + kappa;
  return found[0]!;
}

/**
 * Digits of the highest value, until they distinguish it from the lowest, `delta` below it.
 * @param distance distance of the value itself below it
 * @returns the power of ten of the last one
 */
function generate(highHi: number, highLo: number, shift: number, delta: number, distance: number): number {
  const unit = TWO_TO[shift]!;
  const part = 1 / unit;
  // At least 4, as the highest value has 63 bits or 64.
  const whole = Math.floor(highHi * part);
  let restHi = highHi - whole * unit;
  let restLo = highLo;
  let count = addWhole(whole);
  if (restHi === 0 && restLo <= delta) return withoutFraction(whole, count);
  let kappa = 0;
  let scale = 1;
  for (;;) {
    const room = delta * scale;
    let by = 10;
    if (room * 1e4 <= unit * TWO32) {
      // Four digits at once: were fewer enough, the last of them would be zero.
      const low = restLo * 1e4;
      const lo = low >>> 0;
      const grown = restHi * 1e4 + (low - lo) / TWO32;
      const four = Math.floor(grown * part);
      if (four % 10 !== 0) {
        restLo = lo;
        restHi = grown - four * unit;
        addTwo((four / 100) | 0, count);
        addTwo(four % 100, count + 2);
        count += 4;
        kappa -= 4;
        by = 1e4;
      }
    }
    if (by === 10) {
      const low = restLo * 10;
      restLo = low >>> 0;
      const grown = restHi * 10 + (low - restLo) / TWO32;
      const digit = Math.floor(grown * part);
      restHi = grown - digit * unit;
      digits[count++] = digit;
      kappa--;
    }
    scale *= by;
    // In this order the difference of nearly equal numbers is exact.
    if (restHi * TWO32 - room * by + restLo >= 0) continue;
    if (kappa > -9) moveLast(count, restHi * TWO32 + restLo, unit * TWO32, room * by, distance * scale);
    found[0] = count;
    return kappa;
  }
}

function addTwo(value: number, at: number): void {
  const ten = (value / 10) | 0;
  digits[at] = ten;
  digits[at + 1] = value - ten * 10;
}

/** The digits of an integer of 32 bits, from the first one on. @returns how many */
function addWhole(whole: number): number {
  let count = 1;
  while (count < 10 && whole >= TEN_TO[count]!) count++;
  const upper = Math.floor(whole / 1e5);
  let rest = (whole - upper * 1e5) | 0;
  for (let i = count - 1; i >= 0; i--) {
    if (i === count - 6) rest = upper | 0;
    const next = (rest / 10) | 0;
    digits[i] = rest - next * 10;
    rest = next;
  }
  return count;
}

/** The zeros at the end of an integer are not digits. @returns the power of ten of the last one */
function withoutFraction(whole: number, count: number): number {
  let kappa = 0;
  while (kappa + 1 < count && whole % TEN_TO[kappa + 1]! === 0) kappa++;
  found[0] = count - kappa;
  return kappa;
}

/** Moves the last digit towards the value itself, `far` below the highest one. All of them are below 2^42 when this is called. */
function moveLast(count: number, rest: number, step: number, room: number, far: number): void {
  let at = rest;
  while (at < far && room - at >= step && (at + step < far || far - at > at + step - far)) {
    digits[count - 1]!--;
    at += step;
  }
}
