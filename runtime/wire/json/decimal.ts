/**
 * Decimal digits → the nearest double, if that needs no long arithmetic. That is up to 15 digits times an exact power of ten (Clinger
 * 1990). Up to 19 are divided by such a power in pairs of doubles, whose error is known.
 */

/** The powers of ten that are doubles: 10^0 to 10^22. */
const EXACT_POWERS: readonly number[] = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const LEADING_DIGITS = 10;
const EXACT_DIGITS = 15;
/** Splits a double into two of 26 bits (Dekker). */
const SPLITTER = 2 ** 27 + 1;
const LARGEST = EXACT_POWERS.length - 1;
/** The same, each in two parts of at most 26 bits. */
const UPPER = EXACT_POWERS.map(power => SPLITTER * power - (SPLITTER * power - power));
const LOWER = EXACT_POWERS.map((power, i) => power - UPPER[i]!);
/** Relative error of a correction, with room to spare. */
const DOUBT = 2 ** -48;

/**
 * @param leading the first ten digits, as an integer @param tail those after them
 * @param digits how many there are, at most 19
 * @returns (all the digits) × 10^exponent, or undefined if only exact arithmetic can decide
 */
export function toDouble(leading: number, tail: number, digits: number, exponent: number): number | undefined {
  const after = digits > LEADING_DIGITS ? EXACT_POWERS[digits - LEADING_DIGITS]! : 1;
  if (exponent < -LARGEST || exponent > LARGEST) return undefined;
  if (digits <= EXACT_DIGITS) {
    const whole = leading * after + tail;
    return exponent < 0 ? whole / EXACT_POWERS[-exponent]! : whole * EXACT_POWERS[exponent]!;
  }
  if (exponent >= 0) return undefined;
  // The digits as a sum of two doubles, which both are exact: the power has at most 21 bits that are not zero.
  const low = leading % 65536;
  const upper = (leading - low) * after;
  const rest = low * after + tail;
  const power = EXACT_POWERS[-exponent]!;
  const quotient = (upper + rest) / power;
  const wide = quotient * SPLITTER;
  const quotientUpper = wide - (wide - quotient);
  const quotientLower = quotient - quotientUpper;
  const [powerUpper, powerLower] = [UPPER[-exponent]!, LOWER[-exponent]!];
  // quotient × power, and its exact error.
  const product = quotient * power;
  const off =
    quotientUpper * powerUpper -
    product +
    quotientUpper * powerLower +
    quotientLower * powerUpper +
    quotientLower * powerLower;
  const correction = (upper - product + rest - off) / power;
  const nearest = quotient + correction;
  // Half-way cases, and values too close to them to decide.
  const doubt = correction * DOUBT;
  return quotient + (correction + doubt) === nearest && quotient + (correction - doubt) === nearest
    ? nearest
    : undefined;
}
