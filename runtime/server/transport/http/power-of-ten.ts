/**
 * Powers of ten as RapidJSON's table has them: 64 bits, rounded, and a binary exponent.
 */

/** f × 2^e */
export interface Scaled {
  readonly f: bigint;
  readonly e: number;
}

export const bitLength = (value: bigint): number => value.toString(2).length;

export function powerOfTen(decimal: number): Scaled {
  const ten = 10n ** BigInt(Math.abs(decimal));
  // With spare bits below, then rounded to 64.
  const spare = (decimal < 0 ? bitLength(ten) : 0) + 144;
  const wide = decimal < 0 ? (1n << BigInt(spare)) / ten : ten << BigInt(spare);
  const shift = bitLength(wide) - 64;
  return { f: (wide >> BigInt(shift)) + ((wide >> BigInt(shift - 1)) & 1n), e: shift - spare };
}

/** Which of the powers brings a value of this binary exponent to where its digits are found. */
export const powerIndex = (binary: number): number => (Math.ceil((-61 - binary) * 0.30102999566398114 + 347) >> 3) + 1;
