/** Moments of two arms → the difference of their rewards per request. One interval is for a fixed sample, the other is valid at all times. */
import { chiSquareTail, studentQuantile, studentTail } from "./distributions.js";

/** Moments of an arm's units. A unit is a request, or a user with all requests. */
export interface ArmMoments {
  readonly arm: string;
  readonly units: number;
  readonly requests: number;
  /** Mean and variance (n − 1) of a unit's reward. */
  readonly rewardMean: number;
  readonly rewardVariance: number;
  /** Mean and variance of a unit's number of requests: 1 and 0 if the units are requests. */
  readonly requestMean: number;
  readonly requestVariance: number;
  readonly covariance: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface ArmMean {
  readonly arm: string;
  readonly units: number;
  readonly requests: number;
  /** Reward per request. */
  readonly mean: number;
  readonly standardError: number;
}

export interface Comparison {
  readonly arm: string;
  readonly control: string;
  /** Mean of the arm minus mean of the control. */
  readonly difference: number;
  readonly standardError: number;
  /** Difference over the control's mean. Undefined if that mean is not above 0. */
  readonly lift: number | undefined;
  /** Welch's t-test. Valid if it is read once, after a number of units that was fixed before. */
  readonly fixed: { readonly t: number; readonly df: number; readonly p: number; readonly interval: Interval };
  /** An asymptotic confidence sequence. Valid however often it is read. */
  readonly sequential: { readonly p: number; readonly interval: Interval };
}

/**
 * Reward per request, Σ rewards / Σ requests. Its variance is by the delta method of a ratio: (s_y² − 2 R s_yn + R² s_n²) / (k · mean_n²) with k
 * units (Deng, Knoblich & Lu 2018). If the units are requests, it is s_y² / k.
 */
export function meanOf(moments: ArmMoments): ArmMean {
  const { arm, units, requests, rewardMean, rewardVariance, requestMean, requestVariance, covariance } = moments;
  const mean = rewardMean / requestMean;
  const variance = rewardVariance - 2 * mean * covariance + mean * mean * requestVariance;
  return {
    arm,
    units,
    requests,
    mean,
    standardError: Math.sqrt(Math.max(0, variance) / units) / requestMean,
  };
}

/**
 * Compares an arm with the control.
 * @param alpha probability of an interval without the true difference
 * @param horizon units of both arms at which the sequence is narrowest; chosen before the experiment
 */
export function compareArms(control: ArmMean, arm: ArmMean, alpha: number, horizon: number): Comparison {
  const difference = arm.mean - control.mean;
  const [v0, v1] = [control.standardError ** 2, arm.standardError ** 2];
  const standardError = Math.sqrt(v0 + v1);
  // Welch and Satterthwaite.
  const df = (v0 + v1) ** 2 / (v0 ** 2 / (control.units - 1) + v1 ** 2 / (arm.units - 1));
  const t = difference / standardError;
  const around = (radius: number): Interval => ({ low: difference - radius, high: difference + radius });
  const units = control.units + arm.units;
  return {
    arm: arm.arm,
    control: control.arm,
    difference,
    standardError,
    lift: control.mean > 0 ? difference / control.mean : undefined,
    fixed: { t, df, p: studentTail(t, df), interval: around(studentQuantile(alpha, df) * standardError) },
    sequential: {
      p: sequentialP(t, units, alpha, horizon),
      interval: around(sequentialRadius(units, alpha, horizon) * standardError),
    },
  };
}

/** ρ² for which the sequence is narrowest after `horizon` units: Waudby-Smith et al. 2021, appendix on the choice of ρ. */
const rhoSquared = (alpha: number, horizon: number): number =>
  (-2 * Math.log(alpha) + Math.log(1 - 2 * Math.log(alpha))) / horizon;

/**
 * Half the width of the asymptotic confidence sequence after n units, in standard errors: √(2 (nρ² + 1) / (nρ²) · ln(√(nρ² + 1) / α)). The normal
 * mixture of Robbins, with the variance estimated: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2021, theorem 2.2.
 */
export function sequentialRadius(units: number, alpha: number, horizon: number): number {
  const scaled = units * rhoSquared(alpha, horizon);
  return Math.sqrt(((2 * (scaled + 1)) / scaled) * Math.log(Math.sqrt(scaled + 1) / alpha));
}

/** The smallest α whose sequence, with the same ρ, excludes 0. */
function sequentialP(t: number, units: number, alpha: number, horizon: number): number {
  const scaled = units * rhoSquared(alpha, horizon);
  return Math.min(1, Math.sqrt(scaled + 1) * Math.exp((-t * t * scaled) / (2 * (scaled + 1))));
}

/** Pearson's test that units were assigned by the weights. @returns the p-value */
export function sampleRatio(units: readonly number[], weights: readonly number[]): number {
  const [total, whole] = [units, weights].map(values => values.reduce((sum, value) => sum + value, 0)) as [
    number,
    number,
  ];
  const statistic = units.reduce((sum, count, i) => {
    const expected = (total * weights[i]!) / whole;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
  return chiSquareTail(statistic, units.length - 1);
}
