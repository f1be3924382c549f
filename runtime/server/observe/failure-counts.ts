/**
 * Failed requests by model, version and tags. They outlive the versions that counted them, as Triton's do: a reloaded version continues
 * them.
 */
import { type LabeledVersion, type Labels, labelsOf } from "./metric-labels.js";
import { type FailureReason, noFailures } from "./statistics.js";

export type Failures = Record<FailureReason, number>;

export interface FailureCounts {
  /** The counters of a version, made at the first call. */
  of(version: LabeledVersion): Failures;
  all(): Iterable<{ readonly labels: Labels; readonly counts: Readonly<Failures> }>;
}

export function createFailureCounts(): FailureCounts {
  const series = new Map<string, { readonly labels: Labels; readonly counts: Failures }>();
  return {
    of(version) {
      const labels = labelsOf(version);
      const key = JSON.stringify(labels);
      const known = series.get(key);
      if (known) return known.counts;
      const counts = noFailures();
      series.set(key, { labels, counts });
      return counts;
    },
    all: () => series.values(),
  };
}
