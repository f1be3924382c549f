/**
 * The passes over a plan, in the order in which they run; apart from the passes, so that `--help` need not load the compiler.
 */
export const PASS_NAMES = [
  /** First: steps that differ only in the metadata of their columns become equal. */
  "forwardMetadata",
  /** Before pruning: a removed twin reads nothing, so pruning finds fewer readers. */
  "shareEqualSteps",
  /** Drops what no remaining step reads. */
  "pruneColumns",
  /** Then: unused columns must not keep two look-ups from being merged, nor be fetched by the merged one. */
  "mergeLookups",
  /** Very last: it looks at who reads what, and the passes before know operators one by one. */
  "fuseElementwise",
] as const;

export type PassName = (typeof PASS_NAMES)[number];
