/**
 * Grisu2 as in its paper and as RapidJSON 1.1 prints it, in BigInt and without optimization: the reference for the fast printing.
 */
interface Scaled {
  readonly f: bigint;
  readonly e: number;
}
const bitLength = (value: bigint): number => value.toString(2).length;
const normalised = ({ f, e }: Scaled): Scaled => {
  const shift = 64 - bitLength(f);
  return { f: f << BigInt(shift), e: e - shift };
};
/** The upper half of the product, rounded. */
const times = (a: Scaled, b: Scaled): Scaled => ({ f: (a.f * b.f + (1n << 63n)) >> 64n, e: a.e + b.e + 64 });

/** 10^decimal with 64 bits, rounded. */
function powerOfTen(decimal: number): Scaled {
  const ten = 10n ** BigInt(Math.abs(decimal));
  const spare = decimal < 0 ? bitLength(ten) + 200 : 200;
  const wide = decimal < 0 ? (1n << BigInt(spare)) / ten : ten << BigInt(spare);
  const shift = bitLength(wide) - 64;
  return { f: (wide + (1n << BigInt(shift - 1))) >> BigInt(shift), e: shift - spare };
}

/** @param value finite and above 0 */
export function digitsOf(value: number): { readonly digits: string; readonly exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const f = (bits & 0xfffffffffffffn) + (biased === 0 ? 0n : 1n << 52n);
  const e = (biased === 0 ? 1 : biased) - 1075;
  const plus = normalised({ f: 2n * f + 1n, e: e - 1 });
  const isPower = f === 1n << 52n;
  const minus = isPower ? { f: 4n * f - 1n, e: e - 2 } : { f: 2n * f - 1n, e: e - 1 };
  const minusScaled = { f: minus.f << BigInt(minus.e - plus.e), e: plus.e };
  const index = (Math.ceil((-61 - plus.e) * 0.30102999566398114 + 347) >> 3) + 1;
  const power = powerOfTen(-348 + 8 * index);
  const w = times(normalised({ f, e }), power);
  const high = { f: times(plus, power).f - 1n, e: times(plus, power).e };
  const low = times(minusScaled, power).f + 1n;
  return generate(w.f, high, low, 348 - 8 * index);
}

function generate(w: bigint, high: Scaled, low: bigint, k: number): { digits: string; exponent: number } {
  const shift = BigInt(-high.e);
  const one = 1n << shift;
  let delta = high.f - low;
  const distance = high.f - w;
  const whole = String(high.f >> shift);
  let rest = high.f & (one - 1n);
  let digits = "";
  const done = (kappa: number, step: bigint, left: bigint, far: bigint) => {
    let at = left;
    let last = Number(digits.at(-1));
    while (at < far && delta - at >= step && (at + step < far || far - at > at + step - far)) {
      last--;
      at += step;
    }
    return { digits: digits.slice(0, -1) + String(last), exponent: k + kappa };
  };
  for (let i = 0; i < whole.length; i++) {
    digits = digits === "" && whole[i] === "0" ? "" : digits + whole[i];
    const kappa = whole.length - 1 - i;
    const left = (BigInt(whole.slice(i + 1) || "0") << shift) + rest;
    if (left <= delta) return done(kappa, (10n ** BigInt(kappa)) << shift, left, distance);
  }
  for (let kappa = -1; ; kappa--) {
    rest *= 10n;
    delta *= 10n;
    const digit = String(rest >> shift);
    digits = digits === "" && digit === "0" ? "" : digits + digit;
    rest &= one - 1n;
    // RapidJSON has powers of ten for this number of decimals; beyond, the distance counts as none.
    if (rest < delta) return done(kappa, one, rest, kappa > -9 ? distance * 10n ** BigInt(-kappa) : 0n);
  }
}
