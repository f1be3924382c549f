/**
 * How an ensemble's answers leave it. `batched`: a batch dimension in front, scalars `[1]`. `unbatched`: scalars `[n]`, what has no length of its
 * own as the pair `c__values`, `c__offsets`. `merlin`: as `unbatched`, and candidates as one matrix, which is how Merlin's executor answers.
 */
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "./schema.js";

export type AnswerForm = "batched" | "unbatched" | "merlin";

/** Candidates that leave as `[users, longest row]`, filled up on the right. */
export const isPadded = (col: ColumnSchema, form: AnswerForm): boolean =>
  col.rows !== REQUEST_ROWS && (form === "batched" || (form === "merlin" && !col.list));

/** Columns that leave as `c__values` and `c__offsets`. */
export const isPaired = (col: ColumnSchema, form: AnswerForm): boolean =>
  isRagged(col) || (col.rows !== REQUEST_ROWS && !isPadded(col, form));
