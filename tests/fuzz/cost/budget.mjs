/**
 * The budget of a request: a fixed part, and a cost per KB.
 */
export const BUDGET = { fixedMicros: 5000, microsPerKb: 50, fixedKb: 1024, kbPerKb: 16 };

/** Microseconds and megabytes that a request may cost. Each message of a stream has the fixed part. */
export function budgetOf({ charged, requests = 1 }) {
  const kb = charged / 1024;
  return {
    micros: BUDGET.fixedMicros * requests + BUDGET.microsPerKb * kb,
    mb: (BUDGET.fixedKb * requests + BUDGET.kbPerKb * kb) / 1024,
  };
}

/**
 * Cost over budget; 1 is what is allowed.
 * @param charged bytes on the wire, with the body unpacked
 * @param requests each has the fixed part: the messages of a stream are requests of their own
 */
export function ratios({ micros, grownMb }, charged, requests = 1) {
  const budget = budgetOf({ charged, requests });
  return { cpu: micros / budget.micros, memory: grownMb / budget.mb };
}

/** Beyond the fixed parts: milliseconds and megabytes for each KB. */
export const perKb = ({ micros, grownMb }, charged, requests = 1) => ({
  ms: Math.max(0, micros - BUDGET.fixedMicros * requests) / 1000 / (charged / 1024),
  mb: Math.max(0, grownMb - (BUDGET.fixedKb * requests) / 1024) / (charged / 1024),
});
