/**
 * The version a client asks for: text → number, as C++'s `stol` reads it (a number at the start is enough).
 */
import { RuntimeFault } from "../errors.js";

const MAX_INT64 = 2n ** 63n - 1n;

/** @returns -1 for "the latest" (an empty text); a bigint for a number that no folder can have */
export function parseVersion(text: string): number | bigint {
  if (text === "") return -1;
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)?.[1];
  const value = digits === undefined ? undefined : BigInt(digits.replace("+", ""));
  if (value === undefined || value > MAX_INT64 || value < -MAX_INT64 - 1n)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `failed to get model version from specified version string '${text}' (details: stol), version should be an integral value > 0`,
    );
  if (value < 0n)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `invalid model version specified '${text}' , version should be an integral value > 0`,
    );
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? value : Number(value);
}
