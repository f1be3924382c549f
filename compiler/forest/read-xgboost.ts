/**
 * XGBoost's model document (JSON or UBJSON, 1.3 to 3.x) → a forest. A split selects left when feature < condition, in float32. In a
 * categorical split the listed categories, after rounding down, select right. `base_score` is in the units of predictions.
 */
import { z } from "zod";
import { readTrained, TRAINED_ON, trainedOn } from "../../formats/merlin-schema/trained-on.js";
import { countIn, type Forest, ForestFileError, type ForestLink, type ForestNode, type Tree } from "./forest.js";

const numbers = z.array(z.number());
/** JSON has numbers or booleans, UBJSON bytes. */
const flags = z.array(z.union([z.number(), z.boolean()]));

/** A node that needs no number has NaN, which JSON has no word for. */
const numbersOrNone = z.custom<readonly (number | null)[]>(
  value => Array.isArray(value) && value.every(item => item === null || typeof item === "number"),
  "numbers are wanted",
);

const treeSchema = z.looseObject({
  left_children: numbers,
  right_children: numbers,
  split_indices: numbers,
  split_conditions: numbersOrNone,
  base_weights: numbersOrNone.optional(),
  leaf_weights: numbersOrNone.optional(),
  default_left: flags,
  split_type: numbers.optional(),
  categories: numbers.optional(),
  categories_nodes: numbers.optional(),
  categories_segments: numbers.optional(),
  categories_sizes: numbers.optional(),
  tree_param: z.looseObject({ size_leaf_vector: z.string().optional() }).optional(),
});
type TreeDocument = z.output<typeof treeSchema>;

const boosted = z.looseObject({
  model: z.looseObject({
    trees: z.array(treeSchema),
    tree_info: numbers,
    /** From 2.0 on. */
    iteration_indptr: numbers.optional(),
    gbtree_model_param: z.looseObject({ num_parallel_tree: z.string().optional() }).optional(),
  }),
});
const documentSchema = z.looseObject({
  learner: z.looseObject({
    attributes: z
      .looseObject({
        best_iteration: z.string().optional(),
        scikit_learn: z.string().optional(),
        [TRAINED_ON]: z.string().optional(),
      })
      .optional(),
    feature_names: z.array(z.string()).optional(),
    gradient_booster: z.looseObject({
      name: z.string(),
      model: z.unknown().optional(),
      gbtree: z.unknown().optional(),
      weight_drop: numbers.optional(),
    }),
    learner_model_param: z.looseObject({
      base_score: z.string(),
      num_class: z.string(),
      num_feature: z.string(),
      num_target: z.string().optional(),
    }),
    objective: z.looseObject({ name: z.string() }),
  }),
});

const sigmoid: ForestLink = { kind: "sigmoid", slope: 1 };
/** Each step in float32, as XGBoost takes it. */
const logit = (p: number): number => -Math.fround(Math.log(Math.fround(Math.fround(1 / Math.fround(p)) - 1)));
const same = (x: number): number => x;

/** Objective → what predictions are of sums, and sums of predictions. */
const OBJECTIVES: Readonly<Record<string, readonly [ForestLink, (prediction: number) => number]>> = {
  "binary:logistic": [sigmoid, logit],
  "reg:logistic": [sigmoid, logit],
  "binary:logitraw": [{ kind: "identity" }, same],
  "binary:hinge": [{ kind: "sign" }, same],
  "count:poisson": [{ kind: "exp" }, Math.log],
  "reg:gamma": [{ kind: "exp" }, Math.log],
  "reg:tweedie": [{ kind: "exp" }, Math.log],
  "survival:aft": [{ kind: "exp" }, Math.log],
  "survival:cox": [{ kind: "exp" }, Math.log],
  "multi:softprob": [{ kind: "softmax" }, same],
  "multi:softmax": [{ kind: "argmax" }, same],
  "reg:squarederror": [{ kind: "identity" }, same],
  "reg:squaredlogerror": [{ kind: "identity" }, same],
  "reg:pseudohubererror": [{ kind: "identity" }, same],
  "reg:absoluteerror": [{ kind: "identity" }, same],
  "reg:quantileerror": [{ kind: "identity" }, same],
  "rank:pairwise": [{ kind: "identity" }, same],
  "rank:ndcg": [{ kind: "identity" }, same],
  "rank:map": [{ kind: "identity" }, same],
};

/** @throws ForestFileError */
export function readXgboost(json: unknown, where: string): Forest {
  const parsed = documentSchema.safeParse(json);
  if (!parsed.success)
    throw new ForestFileError(
      `${where} is not a model of XGBoost: ${parsed.error.issues[0]!.path.join(".")}: ${parsed.error.issues[0]!.message}. Save it with \`booster.save_model\`.`,
    );
  const { learner } = parsed.data;
  const { gradient_booster: booster, learner_model_param: param, objective } = learner;
  if (booster.name !== "gbtree" && booster.name !== "dart")
    throw new ForestFileError(
      `${where} is a \`${booster.name}\` model, which has no trees. Train with \`gbtree\` or \`dart\`.`,
    );
  const model = boosted.safeParse(booster.name === "dart" ? booster.gbtree : booster);
  if (!model.success)
    throw new ForestFileError(`${where} has no trees where XGBoost puts them. Save it with \`booster.save_model\`.`);
  const known = Object.hasOwn(OBJECTIVES, objective.name) ? OBJECTIVES[objective.name] : undefined;
  if (!known)
    throw new ForestFileError(
      `${where} was trained for \`${objective.name}\`, and Merlon supports ${Object.keys(OBJECTIVES).join(", ")}.`,
    );
  const [link, margin] = known;
  const targets = Math.max(
    1,
    countIn(param.num_class, 0, "num_class", where),
    countIn(param.num_target ?? 1, 0, "num_target", where),
  );
  const scores = param.base_score.replace(/[[\]]/g, "").split(",").map(Number);
  const { trees, tree_info } = model.data.model;
  const rounds = roundEnds(model.data.model, targets, where);
  return {
    library: "XGBoost",
    objective: objective.name,
    names: learner.feature_names ?? [],
    trained: trainedOn(readTrained(learner.attributes?.[TRAINED_ON] ?? "")),
    features: countIn(param.num_feature, 0, "num_feature", where),
    base: Array.from({ length: targets }, (_, i) => Math.fround(margin(scores[i] ?? scores[0]!))),
    trees: trees.map((tree, i) =>
      readTree(tree, tree_info[i] ?? 0, booster.weight_drop?.[i] ?? 1, `${where}: tree ${i}`),
    ),
    rounds,
    ...ofEstimator(learner.attributes ?? {}, rounds.length),
    link,
    averaged: false,
    wholeCategories: "floor",
    dtype: "float32",
  };
}

function roundEnds(
  { trees, iteration_indptr: ends, gbtree_model_param: param }: z.output<typeof boosted>["model"],
  targets: number,
  where: string,
): number[] {
  if (ends) return ends.slice(1);
  const each = targets * Math.max(1, countIn(param?.num_parallel_tree ?? 1, 0, "num_parallel_tree", where));
  return Array.from({ length: Math.floor(trees.length / each) }, (_, i) => (i + 1) * each);
}

/**
 * The prediction of XGBoost's scikit-learn estimators: they stop at the best round. If the file has their parameters (up to 1.7), they read
 * `missing` as NaN. A `Booster` that trained alone predicts with all its trees.
 */
function ofEstimator(
  {
    best_iteration: best,
    scikit_learn: estimator,
  }: { best_iteration?: string | undefined; scikit_learn?: string | undefined },
  rounds: number,
): Pick<Forest, "best" | "missing"> {
  if (estimator === undefined) return {};
  const [, missing] = /"missing": (-?\d[\d.eE+-]*)/.exec(estimator) ?? [];
  return {
    ...(best !== undefined && Number(best) + 1 < rounds && { best: Number(best) + 1 }),
    ...(missing !== undefined && { missing: Number(missing) }),
  };
}

function readTree(tree: TreeDocument, target: number, weight: number, where: string): Tree {
  const width = Math.max(1, countIn(tree.tree_param?.size_leaf_vector ?? 0, 0, "size_leaf_vector", where));
  const size = tree.left_children.length;
  const stored = (tree.leaf_weights ?? tree.base_weights)?.length ?? 0;
  // Each leaf has a vector of its own.
  if (width > 1 && width * tree.left_children.filter(left => left === -1).length > stored)
    throw new ForestFileError(`${where} has leaves of ${width} numbers and stores ${stored}. Save the model again.`);
  const sets = categorySets(tree);
  const number = (from: readonly (number | null)[] | undefined, at: number): number =>
    Math.fround(from?.[at] ?? Number.NaN);
  const leaf = (node: number): readonly number[] => {
    if (width === 1) return [number(tree.split_conditions, node) * weight];
    // From 3.1 on, vectors are stored separately, and a leaf's right child is its index among them.
    const [from, at] = tree.leaf_weights ? [tree.leaf_weights, tree.right_children[node]!] : [tree.base_weights, node];
    return Array.from({ length: width }, (_, i) => number(from, at * width + i) * weight);
  };
  const nodes = tree.left_children.map((left, i): ForestNode => {
    if (left === -1) return { kind: "leaf", values: leaf(i) };
    const right = tree.right_children[i]!;
    if (!(left > 0 && left < size && right > 0 && right < size))
      throw new ForestFileError(`${where}, node ${i}, points at a node that is not there.`);
    const goesLeft = Boolean(tree.default_left[i]);
    const feature = tree.split_indices[i]!;
    const categories = tree.split_type?.[i] === 1 ? sets.get(i) : undefined;
    if (categories)
      return { kind: "category", feature, categories, yes: right, no: left, missing: goesLeft ? "no" : "yes" };
    return {
      kind: "number",
      feature,
      test: "<",
      threshold: number(tree.split_conditions, i),
      yes: left,
      no: right,
      missing: goesLeft ? "yes" : "no",
    };
  });
  return { target, nodes };
}

function categorySets(tree: TreeDocument): ReadonlyMap<number, readonly number[]> {
  const { categories = [], categories_nodes = [], categories_segments = [], categories_sizes = [] } = tree;
  return new Map(
    categories_nodes.map((node, i) => [
      node,
      categories.slice(categories_segments[i]!, categories_segments[i]! + categories_sizes[i]!),
    ]),
  );
}
