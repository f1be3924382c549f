/**
 * The chance that a position of a list is drawn uniformly, position by position. `per: "position"` decides anew at each one. `per: "list"`
 * decides once: the items above a position then show which of the two draws made the list, and the chance follows by Bayes' rule.
 */
import type { UniformShare } from "../spec/facts.js";

export interface UniformChance {
  /** Probability that the next position is drawn uniformly. @param left candidates that no position has taken, at least 1 */
  share(left: number): number;
  /**
   * Puts an item at the position. @param base its probability by the other draw
   * @returns the natural logarithm of its probability by both; exp of it is `share / left + (1 − share) · base`
   */
  take(left: number, base: number): number;
}

export const uniformChance = (uniform: UniformShare): UniformChance =>
  uniform.per === "list" ? perList(uniform.epsilon) : perPosition(uniform);

/** Probability by both draws. */
export const mixedShare = (share: number, left: number, base: number): number => share / left + (1 - share) * base;

/** The share that a draw per position has: `epsilon`, or more if each candidate's part of it would be below `least`. */
export const shareOf = ({ epsilon, least }: UniformShare, left: number): number =>
  Math.min(1, Math.max(epsilon, least * left));

function perPosition(uniform: UniformShare): UniformChance {
  const share = (left: number): number => shareOf(uniform, left);
  return { share, take: (left, base) => Math.log(mixedShare(share(left), left, base)) };
}

/** The chance is kept as ln(p / (1 − p)). It falls by a factor of the candidates' number with each position that the other draw explains. */
function perList(epsilon: number): UniformChance {
  let odds = Math.log(epsilon) - Math.log1p(-epsilon);
  const share = (): number => 1 / (1 + Math.exp(-odds));
  return {
    share,
    take: (left, base) => {
      const log = base === 0 ? logistic(odds) - Math.log(left) : Math.log(share() / left + base / (1 + Math.exp(odds)));
      if (odds !== Number.NEGATIVE_INFINITY) odds -= Math.log(left) + Math.log(base);
      return log;
    },
  };
}

/** ln(1 / (1 + exp(−x))), also where exp overflows. */
const logistic = (x: number): number => (x < -700 ? x : -Math.log1p(Math.exp(-x)));
