/**
 * XGBoost's model document (JSON or UBJSON, 1.3 to 3.x) → a forest. A split goes left when feature < condition, in float32; of a categorical
 * split the listed categories go right, after rounding down; `base_score` is in the units of predictions.
 */
import { z } from "zod";
import { type Forest, ForestFileError, type ForestLink, type ForestNode, type Tree } from "./forest.js";

const numbers = z.array(z.number());
/** JSON has numbers or booleans, UBJSON bytes. */
const flags = z.array(z.union([z.number(), z.boolean()]));

const treeSchema = z.looseObject({
  left_children: numbers,
  right_children: numbers,
  split_indices: numbers,
  split_conditions: numbers,
  default_left: flags,
  split_type: numbers.optional(),
  categories: numbers.optional(),
  categories_nodes: numbers.optional(),
  categories_segments: numbers.optional(),
  categories_sizes: numbers.optional(),
  tree_param: z.looseObject({ size_leaf_vector: z.string().optional() }).optional(),
});
type TreeDocument = z.output<typeof treeSchema>;

const boosted = z.looseObject({ model: z.looseObject({ trees: z.array(treeSchema), tree_info: numbers }) });
const documentSchema = z.looseObject({
  learner: z.looseObject({
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
  const known = OBJECTIVES[objective.name];
  if (!known)
    throw new ForestFileError(
      `${where} was trained for \`${objective.name}\`, and Merlon knows ${Object.keys(OBJECTIVES).join(", ")}.`,
    );
  const [link, margin] = known;
  const targets = Math.max(1, Number(param.num_class), Number(param.num_target ?? 1));
  const scores = param.base_score.replace(/[[\]]/g, "").split(",").map(Number);
  const { trees, tree_info } = model.data.model;
  return {
    library: "XGBoost",
    objective: objective.name,
    names: learner.feature_names ?? [],
    features: Number(param.num_feature),
    base: Array.from({ length: targets }, (_, i) => Math.fround(margin(scores[i] ?? scores[0]!))),
    trees: trees.map((tree, i) =>
      readTree(tree, tree_info[i] ?? 0, booster.weight_drop?.[i] ?? 1, `${where}: tree ${i}`),
    ),
    link,
    divisor: 1,
    wholeCategories: "floor",
    dtype: "float32",
  };
}

function readTree(tree: TreeDocument, target: number, weight: number, where: string): Tree {
  if (Number(tree.tree_param?.size_leaf_vector ?? 0) > 1)
    throw new ForestFileError(`${where} has vectors as leaves. Train with \`multi_strategy="one_output_per_tree"\`.`);
  const size = tree.left_children.length;
  const sets = categorySets(tree);
  const nodes = tree.left_children.map((left, i): ForestNode => {
    const right = tree.right_children[i]!;
    if (left === -1) return { kind: "leaf", value: Math.fround(tree.split_conditions[i]!) * weight };
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
      threshold: Math.fround(tree.split_conditions[i]!),
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
