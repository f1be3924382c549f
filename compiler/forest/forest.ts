/** A forest of decision trees as data, whatever library grew it. */
import type { TrainedOn } from "../../formats/merlin-schema/trained-on.js";

export type ForestNode =
  | {
      readonly kind: "leaf";
      /** The values that it adds to the tree's output, and to the next ones if leaves are vectors. */
      readonly values: readonly number[];
      /**
       * The terms that it adds instead, if none of these features is NaN: the constant and the sum of products. Leaves are then no vectors.
       */
      readonly linear?: {
        readonly constant: number;
        readonly features: readonly number[];
        readonly coefficients: readonly number[];
      };
    }
  | {
      readonly kind: "number";
      readonly feature: number;
      /** Selects `yes` when feature < threshold, or ≤. */
      readonly test: "<" | "<=";
      readonly threshold: number;
      readonly yes: number;
      readonly no: number;
      /** The branch of a missing value. */
      readonly missing: "yes" | "no";
      /** Zero, and what is no further from it than `NEARLY_ZERO`, counts as missing. */
      readonly zeroIsMissing?: boolean;
    }
  | {
      readonly kind: "category";
      readonly feature: number;
      /** Selects `yes` when the feature is one of them. */
      readonly categories: readonly number[];
      readonly yes: number;
      readonly no: number;
      readonly missing: "yes" | "no";
    };

/** LightGBM's `kZeroThreshold`. */
export const NEARLY_ZERO = Math.fround(1e-35);

export interface Tree {
  /** Which output its leaves add to; the first of them where leaves are vectors. */
  readonly target: number;
  /** The root is the first. */
  readonly nodes: readonly ForestNode[];
}

/** The link from sums of leaves to predictions. */
export type ForestLink =
  | { readonly kind: "identity" | "exp" | "softplus" | "softmax" | "argmax" | "sign" | "signedSquare" }
  | { readonly kind: "sigmoid"; readonly slope: number };

export interface Forest {
  readonly library: "XGBoost" | "LightGBM";
  readonly objective: string;
  /** Names in the order of feature numbers; empty where the file has none. */
  readonly names: readonly string[];
  readonly features: number;
  /** The initial sums, one per output. */
  readonly base: readonly number[];
  readonly trees: readonly Tree[];
  /** How many trees there are after each round of boosting. */
  readonly rounds: readonly number[];
  /** Rounds that the API which saved the file predicts with, where training stopped early and left more. */
  readonly best?: number;
  /** A number that marks a missing value, besides NaN. */
  readonly missing?: number;
  readonly link: ForestLink;
  /** Predictions are of the mean over rounds, not of the sum. */
  readonly averaged: boolean;
  /** The rounding of a category that is not an integer: `"floor"`, or `"truncate"` (the fraction is cut off). */
  readonly wholeCategories: "floor" | "truncate";
  /** The columns that it was trained on, if its file says so. */
  readonly trained?: TrainedOn;
  /** Precision of thresholds and features. */
  readonly dtype: "float32" | "float64";
}

/** A file that holds no forest Merlon can serve; the message names it, says what was seen and what to do. */
export class ForestFileError extends Error {
  override readonly name = "ForestFileError";
}

/** Maximum number of outputs and features of a model; tables of this size are made before a tree is read. */
const MOST = 1_000_000;

/** A count in a file. @throws ForestFileError if it is not an integer from `least` to a million */
export function countIn(value: unknown, least: number, what: string, where: string): number {
  const count = Number(value);
  if (Number.isInteger(count) && count >= least && count <= MOST) return count;
  throw new ForestFileError(
    `${where}: ${what} is ${JSON.stringify(value)}; expected a whole number from ${least} to ${MOST}. Save the model again.`,
  );
}

/**
 * ONNX Runtime follows a tree's links without checks, so a file is validated first.
 * @throws ForestFileError for a node that two others lead to, and for a feature, an output or a number that is not there
 */
export function checkForest({ trees, features, base }: Forest, where: string): void {
  if (!(features >= 1))
    throw new ForestFileError(`${where} does not say how many features it has. Save the model again.`);
  trees.forEach(({ target, nodes }, tree) => {
    const fail = (node: number, what: string): never => {
      throw new ForestFileError(`${where}: tree ${tree}, node ${node}, ${what}. Save the model again.`);
    };
    const seen = new Uint8Array(nodes.length);
    const next = [0];
    for (let at = next.pop(); at !== undefined; at = next.pop()) {
      const node = nodes[at] ?? fail(at, "is not there");
      if (seen[at] === 1) fail(at, "is reached in two ways");
      seen[at] = 1;
      if (node.kind === "leaf") {
        if (!node.values.every(Number.isFinite)) fail(at, "is a leaf without a number");
        const linear = node.linear;
        if (linear && ![linear.constant, ...linear.coefficients].every(Number.isFinite))
          fail(at, "is a linear leaf without its numbers");
        const stray = linear?.features.find(feature => !(feature >= 0 && feature < features));
        if (stray !== undefined) fail(at, `reads feature ${stray}, and the model has ${features}`);
        if (!(target >= 0 && target + node.values.length <= base.length))
          fail(at, `adds to output ${target}, and the model has ${base.length}`);
        continue;
      }
      if (!(node.feature >= 0 && node.feature < features))
        fail(at, `reads feature ${node.feature}, and the model has ${features}`);
      if (node.kind === "number" && Number.isNaN(node.threshold)) fail(at, "has no threshold");
      next.push(node.yes, node.no);
    }
  });
}

export interface ForestOptions {
  /** Rounds that count, from the first. */
  readonly iterations?: number | undefined;
  readonly missing?: number | undefined;
}

/** The forest with the author's form of prediction, by default that of the API that saved it. */
export function withOptions(
  forest: Forest,
  { iterations = forest.best, missing = forest.missing }: ForestOptions,
): Forest {
  const { trees, rounds } = forest;
  return {
    ...forest,
    ...(iterations !== undefined && {
      trees: trees.slice(0, rounds[iterations - 1]),
      rounds: rounds.slice(0, iterations),
    }),
    ...(missing !== undefined && { missing }),
  };
}
