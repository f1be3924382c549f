/** Tail probabilities of Student's t and chi-square, and quantiles of t. Series and continued fractions: Abramowitz & Stegun 6.1, 6.5, 26.5. */

/** Coefficients of Stirling's series for the logarithm of the gamma function, A&S 6.1.41. */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360];
/** From here on the series has 16 digits. */
const LARGE = 10;

const stirling = (x: number): number => STIRLING.reduceRight((sum, coefficient) => sum / (x * x) + coefficient, 0) / x;

/** ln Γ(x) for x > 0. */
export function lnGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < LARGE; at++) shift += Math.log(at);
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + stirling(at) - shift;
}

/** ln (Γ(a + b) / Γ(a)). The two logarithms alone lose their digits if a is large. */
function lnGammaRatio(a: number, b: number): number {
  if (a < LARGE) return lnGamma(a + b) - lnGamma(a);
  return (a - 0.5) * Math.log1p(b / a) + b * Math.log(a + b) - b + stirling(a + b) - stirling(a);
}

const TINY = 1e-300;
const PRECISION = 1e-16;
const MOST_TERMS = 100_000;

/** b0 + a1 / (b1 + a2 / (b2 + …)) by Lentz's method; `term(i)` returns a and b of term i, from 1. */
function continuedFraction(first: number, term: (i: number) => readonly [number, number]): number {
  let value = first || TINY;
  let [c, d] = [value, 0];
  for (let i = 1; i <= MOST_TERMS; i++) {
    const [a, b] = term(i);
    d = 1 / (b + a * d || TINY);
    c = b + a / c || TINY;
    value *= c * d;
    if (Math.abs(c * d - 1) < PRECISION) break;
  }
  return value;
}

/** The regularized incomplete beta function I_x(a, b), by 26.5.8. @param y 1 − x, with all its digits */
function incompleteBeta(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(y, x, b, a);
  const ratio = a > b ? lnGammaRatio(a, b) - lnGamma(b) : lnGammaRatio(b, a) - lnGamma(a);
  const front = Math.exp(ratio + a * ln(x, y) + b * ln(y, x)) / a;
  const fraction = continuedFraction(1, i => {
    const m = Math.floor(i / 2);
    const d =
      i % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    return [d, 1];
  });
  return front / fraction;
}

const ln = (x: number, y: number): number => (x < 0.5 ? Math.log(x) : Math.log1p(-y));

/** Two-sided p-value: P(|T| ≥ |t|) with `df` degrees of freedom. The relative error is below 1e-9 up to a million, and 1e-7 at a billion. */
export function studentTail(t: number, df: number): number {
  if (!Number.isFinite(t)) return 0;
  const sum = df + t * t;
  return incompleteBeta(df / sum, (t * t) / sum, df / 2, 0.5);
}

/** t > 0 with P(|T| ≥ t) = `alpha`, by bisection of the tail. */
export function studentQuantile(alpha: number, df: number): number {
  let [low, high] = [0, 1];
  while (studentTail(high, df) > alpha) high *= 2;
  for (let i = 0; i < 200 && low < high; i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (studentTail(middle, df) > alpha) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(X ≥ x) of chi-square with `df` degrees of freedom: by the series 6.5.29 below its mean, else by the fraction 6.5.31. */
export function chiSquareTail(x: number, df: number): number {
  const [a, z] = [df / 2, x / 2];
  if (z <= 0) return 1;
  const front = Math.exp(a * Math.log(z) - z - lnGamma(a));
  if (z >= a + 1) return front / continuedFraction(z + 1 - a, i => [-i * (i - a), z + 1 - a + 2 * i]);
  let [sum, term] = [1 / a, 1 / a];
  for (let n = 1; n <= MOST_TERMS && term > sum * PRECISION; n++) {
    term *= z / (a + n);
    sum += term;
  }
  return 1 - front * sum;
}
