/** Items that go best with a user, by the factors of a model of the `implicit` library. */
import { join } from "node:path";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { PathOf } from "../../compiler/dsl/artefacts.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { column, printType } from "../../contract/schema.js";
import { needOne } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { excludedIds } from "../shared/author/excluded-ids.js";

interface ImplicitRule extends Rule {
  readonly fault: NotOne<"predictImplicit", this["S"]>;
  readonly out: "int64 ids" | "float32 scores";
}

/**
 * The `topk` items with the largest scores for each user, best first, with `scores`. They equal those of `recommend` without its own
 * filter, for an ALS, BPR or logistic (LMF) model of the `implicit` library. Users and items are rows of the matrix that the model was
 * fitted on, from 0.
 * @param path what `model.save` wrote (`.npz`), relative to this file
 * @param options.topk how many @default 10
 * @param options.exclude item rows to leave out, one or a list of them per user: `topk` others are found, where there are as many
 * @param options.onMissing what a user row beyond the matrix gets: `"error"`, or `"empty"`, no items @default "error"
 * @example request["user_row"] >> predictImplicit("models/als.npz", { topk: 20 })
 */
export const predictImplicit = <const P extends PathOf<"implicit">>(
  path: P,
  options: { readonly topk?: number; readonly exclude?: AnyNode; readonly onMissing?: "error" | "empty" } = {},
): Op<ImplicitRule> => {
  const { exclude, ...parameters } = options;
  return new Op("predictImplicit", { path, ...parameters }, exclude && { exclude });
};

export const predictImplicitOp = defineOp({
  kind: "predictImplicit",
  positional: ["path"],
  nodeOptions: ["exclude"],
  params: OP_PARAMS.predictImplicit,
  infer: call => {
    const { path } = call.params;
    const read = call.artefacts.implicit(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    const user = needOne(call, call.input, `\`predictImplicit("${path}")\``, `predictImplicit("${path}")`);
    if (!user) return undefined;
    const { dtype, list, rows, name } = user.column;
    if (list || !/^(int(8|16|32|64)|uint(8|16|32))$/.test(dtype))
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "predictImplicit",
          wanted: "one row number per user",
          column: name,
          seen: printType(user.column),
          way: "Give it the row that the user had in the matrix the model was fitted on.",
        }),
        "left",
      );
    const exclude = call.dependency("exclude").length > 0 ? excludedIds(call, user, "predictImplicit") : null;
    if (exclude === undefined) return undefined;
    const to = join("factors", call.artefactName(path, read.path));
    return {
      params: call.params,
      inputs: { input: [user], ...(exclude && { exclude: [exclude] }) },
      outputs: [
        column("ids", "int64", { rows: call.id, tags: ["id"] }),
        column("scores", "float32", { rows: call.id }),
      ],
      madeRows: { parent: rows },
      artefacts: { factors: to },
      files: [{ from: read.path, to }],
    };
  },
});
