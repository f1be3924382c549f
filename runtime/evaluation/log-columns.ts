/** The columns of a log that an evaluation reads, beside those that every exposure log has. */

/** How the evaluation policy's probabilities are known. */
export type PolicySource =
  /** A column has π_e of an item at its position, given the items above it. */
  | { readonly kind: "column"; readonly column: string }
  /** A column has the scores of all candidates. Without a temperature the policy orders by score. */
  | { readonly kind: "score"; readonly column: string; readonly temperature: number | undefined };

export interface LogColumns {
  readonly policy: PolicySource;
  readonly reward: string;
  /** Rewards that a model predicts, of every candidate. */
  readonly predicted?: string;
  /** Marginal probabilities of an item at its position. */
  readonly marginalPolicy?: string;
  readonly marginalPropensity?: string;
  readonly segment?: string;
}
