/** Runs a forest of decision trees that XGBoost or LightGBM grew, as an ONNX model made at build time. */
import { z } from "zod";
import type { ArtefactOf, PathOf } from "../../compiler/dsl/artefacts.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule, Rule } from "../../compiler/dsl/rule.js";
import { withOptions } from "../../compiler/forest/forest.js";
import { forestOutputs, forestToOnnx } from "../../compiler/forest/forest-onnx.js";
import { column } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import { namesOf, needAll, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { sameFit } from "../shared/author/same-fit.js";

const author = z.strictObject({
  path: z.string().min(1),
  features: z.array(z.string()).min(1).optional(),
  output: z.string().min(1).default("prediction"),
  iterations: z.number().int().min(1).optional(),
  missing: z.number().optional(),
});

export interface PredictForestOptions {
  /** Columns in the order of the forest's features. Default: the names that the file has. */
  readonly features?: readonly string[];
  /** Name of the column it makes. @default "prediction" */
  readonly output?: string;
  /**
   * How many rounds of boosting count. Default: all that the file has. After early stopping of XGBoost's scikit-learn estimator: those up
   * to the best one, as that estimator predicts.
   */
  readonly iterations?: number;
  /** A number that means "missing" beside null and NaN, as XGBoost's `missing` in training. */
  readonly missing?: number;
}

/** The file decides the width: one value, or one per class. */
interface ForestRule<T extends string, O extends PredictForestOptions> extends Rule {
  readonly fault: never;
  readonly out: `${T} ${O extends { readonly output: infer N extends string } ? N : "prediction"}`;
}

/**
 * Predicts with a model that XGBoost (`.json`, `.ubj`) or LightGBM (text) saved: float32, what the library's `predict` answers. A model of
 * several classes, targets or quantiles makes one vector a row; LightGBM's linear trees are trees, too. Nulls and NaN are missing values, which the trees know how to take; categories are
 * the numbers of training.
 * @param path model file, relative to this file
 * @example pairs >> predictForest("models/ranker.ubj", { output: "score" })
 */
export const predictForest = <
  const P extends PathOf<"forest">,
  const O extends PredictForestOptions = Record<never, never>,
>(
  path: P,
  options?: O,
): Op<[ArtefactOf<P, "forest">] extends [never] ? OpenRule : ForestRule<ArtefactOf<P, "forest">["prediction"], O>> =>
  new Op("predictForest", { path, ...options });

export const predictForestOp = defineOp({
  kind: "predictForest",
  positional: ["path"],
  params: author,
  infer: call => {
    const { path, output } = call.params;
    const read = call.artefacts.forest(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    const { iterations, missing } = call.params;
    const { rounds } = read.value;
    if (iterations !== undefined && iterations > rounds.length)
      return call.refuse(
        `\`iterations\` is ${iterations}, and \`${path}\` has ${rounds.length} rounds.`,
        "Take at most as many.",
        { option: "iterations" },
      );
    const forest = withOptions(read.value, { iterations, missing });
    const named = call.params.features ?? forest.names;
    const features = named.length > 0 ? named : namesOf(call.input);
    if (features.length !== forest.features)
      return call.refuse(
        `\`${path}\` was grown on ${forest.features} features, and ${call.params.features ? "`features` names" : named.length > 0 ? "it names" : "upstream has"} ${features.length}.`,
        "Name the columns in the order of training: `features: [...]`.",
        { literal: path },
      );
    if (isShuffled(features, forest.names))
      return call.refuse(
        `\`features\` has the names of \`${path}\` in another order; it was grown on ${forest.names.join(", ")}.`,
        "Leave `features` out, since the file names its features, or write them in the file's order.",
        { literal: path },
      );
    const way = "Name the columns in the order of training: `features: [...]`.";
    const columns = needAll(call, features, `\`${path}\``, () => way, { literal: path });
    if (!columns) return undefined;
    const odd = columns.find(({ column: { dtype, list } }) => list || datatype(dtype).kind === "string");
    if (odd)
      return call.refuseType(
        odd.column,
        "one number per feature",
        "Encode it as in training, with `categorify` or `hashBucket`.",
      );
    const input = [...new Set(columns)];
    if (!sameRows(call, input, `\`predictForest("${path}")\``)) return undefined;
    const tied = columns.map(bound => ({ tensor: bound.column.name, bound }));
    if (!sameFit(call, path, tied, forest.trained ?? {})) return undefined;
    const outputs = forestOutputs(forest);
    const model = call.model(path, read.path, forestToOnnx(forest));
    return {
      params: { path, model: model.name, features: [...features], dtype: forest.dtype },
      inputs: { input },
      outputs: [
        column(output, "float32", {
          rows: input[0]!.column.rows,
          ...(outputs > 1 && { list: { min: outputs, max: outputs } }),
        }),
      ],
      model,
    };
  },
});

/** The same names in another order, which would give each tree another feature without a word. */
const isShuffled = (given: readonly string[], own: readonly string[]): boolean =>
  given.every(name => own.includes(name)) && given.some((name, i) => name !== own[i]);
