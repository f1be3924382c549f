/** Ids that a search excludes: one, or a list of them, per query row. */

import * as messages from "../../../compiler/diagnostics/messages.js";
import { comparedAs } from "../../../contract/comparable-ids.js";
import { printType } from "../../../contract/schema.js";
import type { Bound } from "./bound.js";
import { describeRows, needOne } from "./columns.js";
import type { Call } from "./define-op.js";

/** The column of ids to search past; reports one of another type or on other rows. */
export function excludedIds(
  call: Call<unknown>,
  query: Bound,
  operator: string,
  /** The dtype of candidates. */
  dtype: "int64" | "string" = "int64",
): Bound | undefined {
  const exclude = needOne(call, call.dependency("exclude"), `\`exclude\` of \`${operator}\``, "…", {
    dependency: "exclude",
  });
  if (!exclude) return undefined;
  const { column: ids } = exclude;
  if (!comparedAs(ids.dtype, dtype))
    return call.fail(
      messages.schemaDtypeMismatch({
        reader: `\`exclude\` of \`${operator}\``,
        column: ids.name,
        wanted: dtype === "string" ? "texts, or lists of these" : "int64 or narrower integers, or lists of these",
        seen: printType(ids),
        way: dtype === "string" ? "Ids of this index are texts." : "Ids of an index are int64.",
      }),
      { dependency: "exclude" },
    );
  if (ids.rows === query.column.rows) return exclude;
  return call.fail(
    messages.schemaRowsMismatch({
      reader: `\`exclude\` of \`${operator}\``,
      left: query.column.name,
      leftRows: describeRows(query.column.rows),
      right: ids.name,
      rightRows: describeRows(ids.rows),
      way: `Give it ids a ${describeRows(query.column.rows)}, as \`${query.column.name}\` has: one, or a list of them.`,
    }),
    { dependency: "exclude" },
  );
}
