/**
 * LightGBM's text model (version v3, v4) → a forest. A split selects left when feature ≤ threshold, in float64. `decision_type` holds, from
 * the low bit: categorical, default left, and two bits for the missing value (0 none: NaN is 0, 1 zero, 2 NaN). Categories are integers:
 * the fraction is cut off.
 */
import { readTrained, TRAINED_ON, trainedOn } from "../../formats/merlin-schema/trained-on.js";
import { countIn, type Forest, ForestFileError, type ForestLink, type ForestNode, type Tree } from "./forest.js";

type Section = ReadonlyMap<string, string>;

/** The last line, after the model: LightGBM does not read it. */
export const NOTE = new RegExp(`\\n${TRAINED_ON}=(.*)\\n?$`);

/** @throws ForestFileError */
export function readLightgbm(text: string, where: string): Forest {
  const [head, ...bodies] = text.split(/^Tree=\d+\s*$/m);
  const header = section(head!);
  const [objective = "", ...settings] = (header.get("objective") ?? "").split(" ");
  const setting = (name: string) => settings.find(s => s.startsWith(`${name}:`))?.slice(name.length + 1);
  const link = linkOf(objective, setting("sigmoid"), settings.includes("sqrt"));
  if (!link)
    throw new ForestFileError(
      `${where} was trained for \`${objective}\`, whose predictions Merlon does not know. Train with a built-in objective.`,
    );
  const perIteration = countIn(header.get("num_tree_per_iteration") ?? 1, 1, "num_tree_per_iteration", where);
  const wanted = header.get("tree_sizes")?.split(" ").filter(Boolean).length ?? bodies.length;
  if (bodies.length !== wanted || (/^v[34]$/.test(header.get("version") ?? "") && !/^end of trees\s*$/m.test(text)))
    throw new ForestFileError(
      `${where} ends early: it has ${bodies.length} of ${wanted} trees, or only the beginning of the last one. Save the model again.`,
    );
  const trees = bodies.map((body, i) => readTree(section(body), i % perIteration, `${where}: tree ${i}`));
  return {
    library: "LightGBM",
    objective,
    names: (header.get("feature_names") ?? "").split(" ").filter(Boolean),
    trained: trainedOn(readTrained(NOTE.exec(text)?.[1] ?? "")),
    features: countIn(header.get("max_feature_idx"), -1, "max_feature_idx", where) + 1,
    base: new Array<number>(perIteration).fill(0),
    trees,
    link,
    rounds: Array.from({ length: Math.floor(trees.length / perIteration) }, (_, i) => (i + 1) * perIteration),
    averaged: header.has("average_output"),
    wholeCategories: "truncate",
    dtype: "float64",
  };
}

function linkOf(objective: string, slope: string | undefined, sqrt: boolean): ForestLink | undefined {
  switch (objective) {
    case "binary":
    case "multiclassova":
      return { kind: "sigmoid", slope: Number(slope ?? 1) };
    case "cross_entropy_lambda":
      return { kind: "softplus" };
    case "cross_entropy":
      return { kind: "sigmoid", slope: 1 };
    case "multiclass":
      return { kind: "softmax" };
    case "poisson":
    case "gamma":
    case "tweedie":
      return { kind: "exp" };
    case "regression":
      return { kind: sqrt ? "signedSquare" : "identity" };
    case "regression_l1":
    case "huber":
    case "fair":
    case "quantile":
    case "mape":
    case "lambdarank":
    case "rank_xendcg":
    // An objective of one's own, whose link the library does not know either: it predicts sums.
    case "":
    case "custom":
      return { kind: "identity" };
    default:
      return undefined;
  }
}

/** `key=value` lines up to the first empty line after one. */
function section(text: string): Section {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    if (line === "end of trees") break;
    const at = line.indexOf("=");
    if (at > 0) found.set(line.slice(0, at), line.slice(at + 1));
    else if (line.trim()) found.set(line.trim(), "");
  }
  return found;
}

/** As C++ prints it: a split that separates missing values from all others has the threshold `inf`. */
const readNumber = (text: string): number =>
  /^-?inf$/.test(text) ? (text === "inf" ? 1 : -1) * Number.POSITIVE_INFINITY : Number(text);

function readTree(tree: Section, target: number, where: string): Tree {
  const numbers = (name: string) => (tree.get(name) ?? "").split(" ").filter(Boolean).map(readNumber);
  const leaves = numbers("leaf_value");
  const features = numbers("split_feature");
  if (leaves.length !== features.length + 1 || leaves.some(Number.isNaN))
    throw new ForestFileError(
      `${where} has ${leaves.length} leaves and ${features.length} splits. Save the model again.`,
    );
  const [left, right, thresholds, decisions] = ["left_child", "right_child", "threshold", "decision_type"].map(name => {
    const found = numbers(name);
    if (found.length === features.length && !found.some(Number.isNaN)) return found;
    throw new ForestFileError(
      `${where} has ${features.length} splits, and \`${name}\` is not a number for each. Save the model again.`,
    );
  });
  const linear = Number(tree.get("is_linear") ?? 0) === 1 ? linearModels(numbers, leaves.length, where) : undefined;
  const [bounds, bits] = [numbers("cat_boundaries"), numbers("cat_threshold")];
  /** Splits are first, then leaves, which children name as −1, −2, … */
  const place = (child: number | undefined): number => {
    const at = child === undefined ? -1 : child < 0 ? features.length - child - 1 : child;
    if (at < 0 || at >= features.length + leaves.length || Number.isNaN(at))
      throw new ForestFileError(`${where} points at a node that is not there. Save the model again.`);
    return at;
  };
  const splits = features.map((feature, i): ForestNode => {
    const decision = decisions![i]!;
    const [yes, no] = [place(left![i]), place(right![i])];
    if (decision & 1) {
      const set = thresholds![i]!;
      const categories: number[] = [];
      if (!(bounds[set + 1]! <= bits.length))
        throw new ForestFileError(`${where}, split ${i}, has categories that are not there. Save the model again.`);
      for (let word = bounds[set]!; word < bounds[set + 1]!; word++)
        for (let bit = 0; bit < 32; bit++)
          if ((bits[word]! >>> bit) & 1) categories.push((word - bounds[set]!) * 32 + bit);
      return { kind: "category", feature, categories, yes, no, missing: "no" };
    }
    const threshold = thresholds![i]!;
    const missingType = (decision >> 2) & 3;
    const side = missingType === 0 ? 0 <= threshold : (decision & 2) !== 0;
    return {
      kind: "number",
      feature,
      test: "<=",
      threshold,
      yes,
      no,
      missing: side ? "yes" : "no",
      ...(missingType === 1 && { zeroIsMissing: true }),
    };
  });
  return {
    target,
    nodes: [...splits, ...leaves.map((value, i): ForestNode => ({ kind: "leaf", values: [value], ...linear?.[i] }))],
  };
}

/** The linear model of each leaf (`linear_tree`): features and coefficients, one leaf after the other. */
function linearModels(
  numbers: (name: string) => readonly number[],
  leaves: number,
  where: string,
): readonly Pick<Extract<ForestNode, { kind: "leaf" }>, "linear">[] {
  const [constants, counts, features, coefficients] = ["leaf_const", "num_features", "leaf_features", "leaf_coeff"].map(
    numbers,
  ) as [readonly number[], readonly number[], readonly number[], readonly number[]];
  const total = counts.reduce((a, b) => a + b, 0);
  if (
    constants.length !== leaves ||
    counts.length !== leaves ||
    features.length !== total ||
    coefficients.length !== total
  )
    throw new ForestFileError(`${where} has ${leaves} linear leaves without all their numbers. Save the model again.`);
  let at = 0;
  return counts.map((count, i) => {
    const from = at;
    at += count;
    const part = (list: readonly number[]) => list.slice(from, at);
    return { linear: { constant: constants[i]!, features: part(features), coefficients: part(coefficients) } };
  });
}
