/** A forest of decision trees as data, whatever library grew it. */

export type ForestNode =
  | { readonly kind: "leaf"; readonly value: number }
  | {
      readonly kind: "number";
      readonly feature: number;
      /** Goes to `yes` when feature < threshold, or ≤. */
      readonly test: "<" | "<=";
      readonly threshold: number;
      readonly yes: number;
      readonly no: number;
      /** Where a missing value goes. */
      readonly missing: "yes" | "no";
      /** Zero, and what is no further from it than `NEARLY_ZERO`, counts as missing. */
      readonly zeroIsMissing?: boolean;
    }
  | {
      readonly kind: "category";
      readonly feature: number;
      /** Goes to `yes` when the feature is one of them. */
      readonly categories: readonly number[];
      readonly yes: number;
      readonly no: number;
      readonly missing: "yes" | "no";
    };

/** LightGBM's `kZeroThreshold`. */
export const NEARLY_ZERO = Math.fround(1e-35);

export interface Tree {
  /** Which output its leaves add to. */
  readonly target: number;
  /** The root is the first. */
  readonly nodes: readonly ForestNode[];
}

/** What turns sums of leaves into predictions. */
export type ForestLink =
  | { readonly kind: "identity" | "exp" | "softmax" | "argmax" | "sign" | "signedSquare" }
  | { readonly kind: "sigmoid"; readonly slope: number };

export interface Forest {
  readonly library: "XGBoost" | "LightGBM";
  readonly objective: string;
  /** Names in the order of feature numbers; empty where the file has none. */
  readonly names: readonly string[];
  readonly features: number;
  /** Where the sums begin, one per output. */
  readonly base: readonly number[];
  readonly trees: readonly Tree[];
  readonly link: ForestLink;
  /** Sums are divided by it. */
  readonly divisor: number;
  /** How a category that is no whole number becomes one: `"floor"`, or `"truncate"` (what comes after the point is cut off). */
  readonly wholeCategories: "floor" | "truncate";
  /** Precision of thresholds and features. */
  readonly dtype: "float32" | "float64";
}

/** A file that holds no forest Merlon can serve; the message names it, says what was seen and what to do. */
export class ForestFileError extends Error {
  override readonly name = "ForestFileError";
}
