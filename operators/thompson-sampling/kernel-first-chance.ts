/**
 * Means and deviations of one user's candidates → the probability that a candidate's draw is the largest of independent normal draws.
 *
 * It is the integral of φ(z) · Π Φ((μ + σ z − μⱼ) / σⱼ) over the draw z of the candidate, with a factor for each other one. The integrand is
 * log-concave, so it has one maximum, and it is integrated where it is at least e⁻⁴⁶ of that. A factor much narrower than this interval rises
 * within ten of its widths from the lower end, since the integrand is negligible below. So the interval is halved towards that end down to
 * the narrowest width. Each panel is halved until Gauss's rule of 20 points agrees with its halves to 1e-14. Factors that are 1 in the whole
 * interval are left out.
 */
import { logNormalCdf } from "./kernel-normal.js";

/** Beyond, the integrand adds less than rounding does. */
const DEPTH = 46;
/** Φ is 1 above, up to 1e-19. */
const CERTAIN = 9;
const HALVINGS = 40;
/** Deviations below this part of the candidate's own are none: the relative error is of this size. */
const NARROWEST = 1e-14;
/** Logarithms below its negative are those of 0; draws above it have such ones. */
const FARTHEST = 1000;

export interface Draws {
  /** float64[≥ count]: means */
  readonly means: ArrayLike<number>;
  /** float64[≥ count]: standard deviations, from 0 */
  readonly deviations: ArrayLike<number>;
  readonly count: number;
}

/**
 * @param place of the candidate among the others; of equal draws the first candidate's counts
 * @returns the natural logarithm of its probability: 0 if it is certain, −∞ if it is never first
 */
export function firstChance(draws: Draws, place: number): number {
  const { means, deviations, count } = draws;
  if (count === 1) return 0;
  const [mean, own] = [means[place]!, deviations[place]!];
  // From here on the candidate exceeds those without a deviation, and beyond `far` nearly all draws of the others.
  const isStep = (j: number): boolean => deviations[j]! <= NARROWEST * own;
  let [least, far] = [Number.NEGATIVE_INFINITY, 0];
  for (let j = 0; j < count; j++) {
    if (j === place) continue;
    if (isStep(j)) least = Math.max(least, (means[j]! - mean) / own);
    far = Math.max(far, (means[j]! - mean + 10 * deviations[j]!) / own);
  }
  if (own === 0) return pointChance(draws, place);
  const others = Array.from({ length: count }, (_, j) => j).filter(j => j !== place && !isStep(j));
  // In deviations of the other: products of the smallest doubles have few bits.
  const lead = (j: number, z: number): number => (mean - means[j]!) / deviations[j]! + (own / deviations[j]!) * z;
  const logAt = (z: number, factors: readonly number[]): number =>
    factors.reduce((sum, j) => sum + logNormalCdf(lead(j, z)), (-z * z) / 2);
  const from = Math.max(0, least);
  // The factors grow with z and φ falls from 0 on.
  const top = maximum(z => logAt(z, others), from, Math.min(Math.max(far, from), FARTHEST) + 1);
  const most = from > FARTHEST ? (-from * from) / 2 : logAt(top, others);
  if (most < -FARTHEST) return most;
  const isInside = (z: number): boolean => z >= least && logAt(z, others) > most - DEPTH;
  const [low, high] = [Math.max(edge(isInside, top, -1), least), edge(isInside, top, 1)];
  const factors = others.filter(j => lead(j, low) < CERTAIN);
  const narrowest = factors.reduce((width, j) => Math.min(width, deviations[j]! / own), high - low);
  const area = integral(
    z => Math.exp(logAt(z, factors) - most),
    panels(low, high, narrowest),
    1e-15 * (8 + Math.abs(most)),
  );
  return Math.min(0, most + Math.log(area) - Math.log(2 * Math.PI) / 2);
}

/** The candidate's draw is its mean. */
function pointChance({ means, deviations, count }: Draws, place: number): number {
  let log = 0;
  for (let j = 0; j < count; j++) {
    if (j === place) continue;
    const lead = means[place]! - means[j]!;
    if (deviations[j]! > 0) log += logNormalCdf(lead / deviations[j]!);
    else if (lead < 0 || (lead === 0 && j < place)) return Number.NEGATIVE_INFINITY;
  }
  return log;
}

/** Golden section search of a concave function, which may be −∞ at the left. */
function maximum(f: (z: number) => number, low: number, high: number): number {
  const part = (Math.sqrt(5) - 1) / 2;
  let [one, two] = [high - part * (high - low), low + part * (high - low)];
  let [left, right] = [f(one), f(two)];
  for (let i = 0; i < 70; i++) {
    if (left > right) {
      [high, two, right] = [two, one, left];
      one = high - part * (high - low);
      left = f(one);
    } else {
      [low, one, left] = [one, two, right];
      two = low + part * (high - low);
      right = f(two);
    }
  }
  return (low + high) / 2;
}

/** The end of the interval around `top` where a condition holds. @param sign of the direction */
function edge(isInside: (z: number) => boolean, top: number, sign: number): number {
  let step = 2 ** -30;
  while (isInside(top + sign * step)) step *= 2;
  let inside = step === 2 ** -30 ? 0 : step / 2;
  for (let i = 0; i < 60; i++) {
    const middle = (inside + step) / 2;
    if (isInside(top + sign * middle)) inside = middle;
    else step = middle;
  }
  return top + sign * step;
}

/** The ends of panels that halve towards the lower end of an interval, down to a width; from the lower end on. */
function panels(low: number, high: number, width: number): readonly number[] {
  const ends = [high];
  for (let length = (high - low) / 2; length > width / 2; length /= 2) ends.push(low + length);
  return [...ends, low].reverse();
}

/** @param noise relative error of the function's values: halves that differ by less agree */
function integral(f: (z: number) => number, ends: readonly number[], noise: number): number {
  const areas = ends.slice(1).map((end, i) => gauss(f, ends[i]!, end));
  const whole = areas.reduce((sum, area) => sum + area, 0);
  const halve = (from: number, to: number, area: number, depth: number): number => {
    const middle = (from + to) / 2;
    const [left, right] = [gauss(f, from, middle), gauss(f, middle, to)];
    const both = left + right;
    if (depth === 0 || Math.abs(both - area) <= Math.max(1e-14 * whole, noise * both)) return both;
    return halve(from, middle, left, depth - 1) + halve(middle, to, right, depth - 1);
  };
  return areas.reduce((sum, area, i) => sum + halve(ends[i]!, ends[i + 1]!, area, HALVINGS), 0);
}

function gauss(f: (z: number) => number, low: number, high: number): number {
  const [middle, half] = [(low + high) / 2, (high - low) / 2];
  let sum = 0;
  for (const [node, weight] of NODES) sum += weight * (f(middle - half * node) + f(middle + half * node));
  return half * sum;
}

/** Positive nodes and weights of Gauss's rule of 20 points: roots of Legendre's polynomial by Newton's method. */
const NODES: readonly (readonly [node: number, weight: number])[] = Array.from({ length: 10 }, (_, i) => {
  let x = Math.cos((Math.PI * (i + 0.75)) / 20.5);
  let slope = 0;
  for (let round = 0; round < 6; round++) {
    let [before, value] = [1, x];
    for (let n = 2; n <= 20; n++) [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n];
    slope = (20 * (x * value - before)) / (x * x - 1);
    x -= value / slope;
  }
  return [x, 2 / ((1 - x * x) * slope * slope)] as const;
});
