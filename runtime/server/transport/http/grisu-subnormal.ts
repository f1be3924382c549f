/**
 * The digits of subnormal doubles, whose bounds lie as far apart as the numbers themselves: the same algorithm in BigInt. They are too rare to be
 * worth speed.
 */
import { bitLength, powerIndex, powerOfTen } from "./power-of-ten.js";

/** @param f the value is f × 2^-1074, 0 < f < 2^52 @returns digits, and the power of ten of the last one */
export function subnormalDigits(f: number): { readonly text: string; readonly exponent: number } {
  const whole = BigInt(f);
  const shift = 64 - bitLength(2n * whole + 1n);
  const binary = -1075 - shift;
  const index = powerIndex(binary);
  const decimal = -348 + 8 * index;
  const power = powerOfTen(decimal);
  const scaled = (value: bigint): bigint => ((value << BigInt(shift)) * power.f + (1n << 63n)) >> 64n;
  const high = scaled(2n * whole + 1n) - 1n;
  const found = generate(
    high,
    -(binary + power.e + 64),
    high - scaled(2n * whole - 1n) - 1n,
    high - scaled(2n * whole),
  );
  return { text: found.text, exponent: found.kappa - decimal };
}

function generate(high: bigint, point: number, width: bigint, distance: bigint): { text: string; kappa: number } {
  const shift = BigInt(point);
  const unit = 1n << shift;
  // No zero is its first digit: it is at least 4.
  const whole = String(high >> shift);
  let text = "";
  const moved = (delta: bigint, step: bigint, rest: bigint, far: bigint): string => {
    let at = rest;
    let last = Number(text.at(-1));
    while (at < far && delta - at >= step && (at + step < far || far - at > at + step - far)) {
      last--;
      at += step;
    }
    return text.slice(0, -1) + String(last);
  };
  let rest = high & (unit - 1n);
  for (let kappa = whole.length - 1; kappa >= 0; kappa--) {
    text += whole[whole.length - 1 - kappa]!;
    const left = (BigInt(whole.slice(whole.length - kappa)) << shift) + rest;
    if (left <= width) return { text: moved(width, (10n ** BigInt(kappa)) << shift, left, distance), kappa };
  }
  let delta = width;
  for (let kappa = -1; ; kappa--) {
    rest *= 10n;
    delta *= 10n;
    text += String(rest >> shift);
    rest &= unit - 1n;
    // At most eight decimals: numbers are 4.94 units apart, or 4.94 × 10^-8 of one.
    if (rest < delta) return { text: moved(delta, unit, rest, distance * 10n ** BigInt(-kappa)), kappa };
  }
}
