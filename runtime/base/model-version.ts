/**
 * Version numbers: int64, as folders and requests have them. A bigint only where a number would lose digits, so that equal versions are equal values.
 */
export type ModelVersion = number | bigint;

const MAX_INT64 = 2n ** 63n - 1n;

/** @returns nothing if it is not an int64; Triton ends there */
export function toVersion(digits: string): ModelVersion | undefined {
  const value = BigInt(digits.replace("+", ""));
  if (value > MAX_INT64 || value < -MAX_INT64 - 1n) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

export const byVersion = (a: ModelVersion, b: ModelVersion): number => (a < b ? -1 : a > b ? 1 : 0);
