/**
 * Doubles → decimal digits as RapidJSON 1.1 finds them (the Grisu2 algorithm of Florian Loitsch, "Printing Floating-Point Numbers Quickly and
 * Accurately with Integers", 2010): short, but often one or two units off in the last place, because that release moves the last digit towards
 * the value only where fewer than nine decimals were made. Clients of Triton compare such texts.
 *
 * 64-bit integers are pairs of unsigned 32-bit halves, handed around in a typed array: this runs once per element of a JSON answer, and objects,
 * BigInt, or variables of the module (each number kept there is an object of its own) would make it many times slower.
 */
const TWO32 = 2 ** 32;
const TWO_TO = Float64Array.from({ length: 32 }, (_, i) => 2 ** i);
const TEN_TO = Float64Array.from({ length: 10 }, (_, i) => 10 ** i);

/** Powers of ten 10^-348, 10^-340, … 10^340: mantissas of 64 bits, and their binary exponents. */
let powers: { readonly hi: Float64Array; readonly lo: Float64Array; readonly exponent: Int32Array } | undefined;

function cachedPowers() {
  if (powers) return powers;
  const made = { hi: new Float64Array(87), lo: new Float64Array(87), exponent: new Int32Array(87) };
  for (let i = 0; i < 87; i++) {
    const decimal = -348 + 8 * i;
    const ten = 10n ** BigInt(Math.abs(decimal));
    // With spare bits below, then rounded to 64.
    const spare = (decimal < 0 ? ten.toString(2).length : 0) + 144;
    const wide = decimal < 0 ? (1n << BigInt(spare)) / ten : ten << BigInt(spare);
    const shift = wide.toString(2).length - 64;
    const mantissa = (wide >> BigInt(shift)) + ((wide >> BigInt(shift - 1)) & 1n);
    made.hi[i] = Number(mantissa >> 32n);
    made.lo[i] = Number(mantissa & 0xffffffffn);
    made.exponent[i] = shift - spare;
  }
  powers = made;
  return made;
}

/** Results of the functions below, in this order. */
const [HI, LO, UPPER, LOWER] = [0, 1, 2, 3];
const found = new Float64Array(4);

/** 32 × 32 bits → UPPER and LOWER. */
function product(a: number, b: number): void {
  const left = (a >>> 16) * b;
  const sum = (left & 0xffff) * 65536 + (a & 0xffff) * b;
  const lower = sum >>> 0;
  found[LOWER] = lower;
  found[UPPER] = Math.floor(left / 65536) + (sum - lower) / TWO32;
}

/** The upper 64 bits of a product, rounded → HI and LO. */
function multiply(aHi: number, aLo: number, bHi: number, bLo: number): void {
  product(aLo, bLo);
  let middle = found[UPPER]! + 2 ** 31;
  product(aLo, bHi);
  middle += found[LOWER]!;
  let low = found[UPPER]!;
  product(aHi, bLo);
  middle += found[LOWER]!;
  low += found[UPPER]!;
  product(aHi, bHi);
  low += found[LOWER]! + Math.floor(middle / TWO32);
  const lo = low >>> 0;
  found[LO] = lo;
  found[HI] = found[UPPER]! + (low - lo) / TWO32;
}

/** Shifts left → HI and LO. */
function shiftLeft(aHi: number, aLo: number, by: number): void {
  if (by === 0) {
    found[HI] = aHi;
    found[LO] = aLo;
  } else if (by >= 32) {
    found[HI] = (aLo << (by - 32)) >>> 0;
    found[LO] = 0;
  } else {
    found[HI] = ((aHi << by) | (aLo >>> (32 - by))) >>> 0;
    found[LO] = (aLo << by) >>> 0;
  }
}

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);
/** The digits of the last call, each 0 to 9, of which the first `count` mean something. */
export const digits = new Uint8Array(20);
let count = 0;
/** The power of ten of the last digit. */
let exponent = 0;

function addDigit(digit: number): void {
  if (digit === 0 && count === 0) return;
  digits[count++] = digit;
}

/** The power of ten of the last one of `digits`. */
export const lastExponent = (): number => exponent;

/**
 * Finds `digits`: the value is digits × 10^`lastExponent()`.
 * @param value finite and above 0
 * @returns how many there are
 */
export function findDigits(value: number): number {
  double[0] = value;
  const bits = halves[1]!;
  const biased = bits >>> 20;
  const fHi = (bits & 0xfffff) + (biased === 0 ? 0 : 0x100000);
  const fLo = halves[0]!;
  const unit = (biased === 0 ? 1 : biased) - 1075;
  // The half-way points to the neighbours: 2f + 1 and 2f - 1 (4f - 1 above a power of two), with the uppermost bit of the first one set.
  const isPower = fHi === 0x100000 && fLo === 0;
  shiftLeft(fHi, fLo, 1);
  const topHi = found[HI]!;
  const topLo = found[LO]! + 1;
  const zeros = topHi === 0 ? 32 + Math.clz32(topLo) : Math.clz32(topHi);
  if (isPower) shiftLeft(fHi, fLo, 2);
  const bottomLo = (found[LO]! - 1) >>> 0;
  const bottomHi = found[LO] === 0 ? found[HI]! - 1 : found[HI]!;
  const binary = unit - 1 - zeros;

  const index = (Math.ceil((-61 - binary) * 0.30102999566398114 + 347) >> 3) + 1;
  const { hi: powerHi, lo: powerLo, exponent: powerExponent } = cachedPowers();
  const pHi = powerHi[index]!;
  const pLo = powerLo[index]!;
  const normal = fHi === 0 ? 32 + Math.clz32(fLo) : Math.clz32(fHi);
  shiftLeft(fHi, fLo, normal);
  multiply(found[HI]!, found[LO]!, pHi, pLo);
  const wHi = found[HI]!;
  const wLo = found[LO]!;
  shiftLeft(bottomHi, bottomLo, isPower ? zeros - 1 : zeros);
  multiply(found[HI]!, found[LO]!, pHi, pLo);
  const lowLo = (found[LO]! + 1) >>> 0;
  const lowHi = lowLo === 0 ? found[HI]! + 1 : found[HI]!;
  shiftLeft(topHi, topLo, zeros);
  multiply(found[HI]!, found[LO]!, pHi, pLo);
  const highHi = found[LO] === 0 ? found[HI]! - 1 : found[HI]!;
  const highLo = (found[LO]! - 1) >>> 0;
  // From -60 to -32: the whole part lies inside the upper half.
  const shift = -(binary + powerExponent[index]! + 64) - 32;
  exponent = 348 - 8 * index + generate(highHi, highLo, shift, lowHi, lowLo, wHi, wLo);
  return count;
}

/** Digits of the highest value that still means the same, until they are enough to tell it from the lowest. @returns the power of ten of the last one */
function generate(
  highHi: number,
  highLo: number,
  shift: number,
  lowHi: number,
  lowLo: number,
  wHi: number,
  wLo: number,
): number {
  count = 0;
  const unit = TWO_TO[shift]!;
  const part = 1 / unit;
  let deltaHi = highHi - lowHi - (highLo < lowLo ? 1 : 0);
  let deltaLo = (highLo - lowLo) >>> 0;
  const distanceHi = highHi - wHi - (highLo < wLo ? 1 : 0);
  const distanceLo = (highLo - wLo) >>> 0;
  let whole = Math.floor(highHi * part);
  let restHi = highHi - whole * unit;
  let restLo = highLo;
  let kappa = 1;
  while (kappa < 10 && whole >= TEN_TO[kappa]!) kappa++;
  while (kappa > 0) {
    const power = TEN_TO[--kappa]!;
    const digit = Math.floor(whole / power);
    whole -= digit * power;
    addDigit(digit);
    const leftHi = whole * unit + restHi;
    if (leftHi < deltaHi || (leftHi === deltaHi && restLo <= deltaLo)) {
      round(deltaHi, deltaLo, leftHi, restLo, power * unit, distanceHi, distanceLo);
      return kappa;
    }
  }
  let scale = 1;
  for (;;) {
    scale *= 10;
    kappa--;
    let low = restLo * 10;
    restLo = low >>> 0;
    const grown = restHi * 10 + (low - restLo) / TWO32;
    low = deltaLo * 10;
    deltaLo = low >>> 0;
    deltaHi = deltaHi * 10 + (low - deltaLo) / TWO32;
    const digit = Math.floor(grown * part);
    restHi = grown - digit * unit;
    addDigit(digit);
    if (restHi < deltaHi || (restHi === deltaHi && restLo < deltaLo)) {
      if (kappa > -9) {
        const scaledLow = distanceLo * scale;
        const scaledLo = scaledLow % TWO32;
        const scaledHi = distanceHi * scale + Math.floor(scaledLow / TWO32);
        round(deltaHi, deltaLo, restHi, restLo, unit, scaledHi, scaledLo);
      }
      return kappa;
    }
  }
}

/** Moves the last digit towards the value itself, which lies `distance` below the highest; all but `step` are 64 bits wide, `step` has no lower half. */
function round(
  deltaHi: number,
  deltaLo: number,
  restHi: number,
  restLo: number,
  step: number,
  distanceHi: number,
  distanceLo: number,
): void {
  const below = (aHi: number, aLo: number, bHi: number, bLo: number): boolean =>
    aHi < bHi || (aHi === bHi && aLo < bLo);
  let at = restHi;
  while (below(at, restLo, distanceHi, distanceLo)) {
    const roomHi = deltaHi - at - (deltaLo < restLo ? 1 : 0);
    if (roomHi < step) return;
    const next = at + step;
    if (!below(next, restLo, distanceHi, distanceLo)) {
      // Nearer than now? The differences are small: doubles hold them.
      const now = (distanceHi - at) * TWO32 + (distanceLo - restLo);
      const then = (next - distanceHi) * TWO32 + (restLo - distanceLo);
      if (now <= then) return;
    }
    digits[count - 1]!--;
    at = next;
  }
}
