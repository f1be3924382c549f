/** Says what columns are; data is untouched. */

import { Op } from "../../compiler/dsl/node.js";
import type { SameRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns, withTags } from "../shared/author/elementwise.js";

/**
 * Adds tags (`"user"`, `"item"`, `"id"`, `"target"`, …) to columns. A tag replaces those that contradict it. `"user_id"`, `"item_id"`,
 * `"session_id"` and `"text_tokenized"` are two tags each, `"user"` and `"id"` for instance. Training reads them.
 * @example ids >> addTags("categorical", "id")
 */
export const addTags = (...tags: string[]): Op<SameRule> => new Op("addTags", { tags });

export const addTagsOp = defineOp({
  kind: "addTags",
  params: OP_PARAMS.addTags,
  infer: call => mapColumns(call, ({ column }) => withTags(column, call.params.tags)),
});
