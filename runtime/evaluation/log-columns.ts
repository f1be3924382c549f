/** The columns of a log that an evaluation reads, beside those that every exposure log has. */
import type { ColumnSchema } from "../../contract/schema.js";
import type { DrawRule } from "../../operators/shared/spec/facts.js";
import type { Column } from "../base/columns/table.js";
import type { ServedRows } from "./served-log.js";

/** A policy that computes scores of all candidates from logged columns. */
export interface ReplaySource {
  readonly kind: "replay";
  /** Columns of the log that it reads. */
  readonly columns: readonly ColumnSchema[];
  /** How lists are drawn by the scores; empty for an ordering by score. */
  readonly rule: DrawRule;
  /** @param served the models that wrote the log @throws RuntimeFault if a name of the log may mean another thing */
  check(served: readonly ServedRows[]): void;
  /** @param features by name; rows are the candidates of lists @returns a score of each row @throws RuntimeFault */
  score(features: ReadonlyMap<string, Column>): Promise<Float64Array>;
}

/** How the evaluation policy's probabilities are known. */
export type PolicySource =
  /** A column has π_e of an item at its position, given the items above it. */
  | { readonly kind: "column"; readonly column: string }
  /** A column has the scores of all candidates. Without a temperature the policy orders by score. */
  | { readonly kind: "score"; readonly column: string; readonly temperature: number | undefined }
  | ReplaySource;

export interface LogColumns {
  readonly policy: PolicySource;
  readonly reward: string;
  /** Rewards that a model predicts, of every candidate. */
  readonly predicted?: string;
  /** Fits a reward model on these columns of numbers; on all that the log has of candidates if there are none. Not with `predicted`. */
  readonly fitRewards?: { readonly columns: readonly string[] };
  /** The draw that made the logged lists by the column `score`: marginal probabilities are computed. Not with columns of them. */
  readonly loggedDraw?: DrawRule;
  /** Marginal probabilities of an item at its position. */
  readonly marginalPolicy?: string;
  readonly marginalPropensity?: string;
  readonly segment?: string;
}
