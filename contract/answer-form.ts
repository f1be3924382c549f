/**
 * How an ensemble's answers leave it. `batched`: a batch dimension in front, scalars `[1]`. `unbatched`: scalars `[n]`, what has no length of its
 * own as the pair `c__values`, `c__offsets`. `merlin`: as `unbatched`, and candidates as one matrix, which is how Merlin's executor answers.
 * `rows`: the answer's columns have rows of their own, as the groups of a workflow are: scalars `[groups]`, lists a pair whose offsets count groups.
 */
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "./schema.js";

export type AnswerForm = "batched" | "unbatched" | "merlin" | "rows";

/** Candidates that leave as `[users, longest row]`, filled up on the right. */
export const isPadded = (col: ColumnSchema, form: AnswerForm): boolean =>
  col.rows !== REQUEST_ROWS && (form === "batched" || (form === "merlin" && !col.list));

/** Columns that leave as `c__values` and `c__offsets`. */
export const isPaired = (col: ColumnSchema, form: AnswerForm): boolean =>
  isRagged(col) || (form !== "rows" && col.rows !== REQUEST_ROWS && !isPadded(col, form));
