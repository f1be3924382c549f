/**
 * The logarithm of the normal distribution function, by W. J. Cody's rational approximations of the error function ("Rational Chebyshev
 * approximations for the error function", 1969, and the program CALERF). Relative error of exp(x²) · erfc(x) below 1e-15.
 */

const A = [3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694, 0.18577770618460315];
const B = [23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171];
const C = [
  0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769, 1712.0476126340707,
  2051.0783778260716, 1230.3393547979972, 2.1531153547440383e-8,
];
const D = [
  15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597, 4362.619090143247,
  3439.3676741437216, 1230.3393548037495,
];
const P = [
  0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275, 0.0006587491615298378,
  0.016315387137302097,
];
const Q = [2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918];

/** Numerator and denominator by Horner's rule; the last of `over` begins the numerator. */
function ratio(x: number, over: readonly number[], under: readonly number[]): number {
  const last = under.length - 1;
  let top = over[over.length - 1]! * x;
  let bottom = x;
  for (let i = 0; i < last; i++) {
    top = (top + over[i]!) * x;
    bottom = (bottom + under[i]!) * x;
  }
  return (top + over[last]!) / (bottom + under[last]!);
}

/** exp(x²) · erfc(x). @param x from 0 */
export function scaledErfc(x: number): number {
  if (x <= 0.46875) return Math.exp(x * x) * (1 - x * ratio(x * x, A, B));
  if (x <= 4) return ratio(x, C, D);
  const square = 1 / (x * x);
  return (1 / Math.sqrt(Math.PI) - square * ratio(square, P, Q)) / x;
}

/** ln Φ(x) of the standard normal distribution: 0 for +∞, −∞ for −∞. */
export function logNormalCdf(x: number): number {
  const y = Math.abs(x) * Math.SQRT1_2;
  if (y === Number.POSITIVE_INFINITY) return x > 0 ? 0 : Number.NEGATIVE_INFINITY;
  const half = scaledErfc(y) / 2;
  return x > 0 ? Math.log1p(-half * Math.exp(-y * y)) : Math.log(half) - y * y;
}
