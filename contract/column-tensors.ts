/**
 * The tensors by which a column travels between the stages of an ensemble. On the request's rows a scalar or vector is `c` and a list without a
 * fixed length the pair `c__values`, `c__offsets` (INT32, n + 1). On candidates' rows values are `c__values`; which candidates are whose is said
 * once for all columns of these rows, by a tensor that the stage's plan names. `c__validity` (BOOL, one per value) marks nulls.
 */
import type { DType } from "../triton-protos/datatype.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "./schema.js";

export interface StageTensor {
  readonly name: string;
  readonly dtype: DType;
  /** What it holds of the column. */
  readonly part: "values" | "offsets" | "validity";
}

/** @param nullable whether the column may hold nulls */
export function stageTensors(col: ColumnSchema, nullable: boolean): readonly StageTensor[] {
  const ragged = isRagged(col);
  const values = ragged || col.rows !== REQUEST_ROWS ? `${col.name}__values` : col.name;
  return [
    { name: values, dtype: col.dtype, part: "values" },
    ...(ragged ? [{ name: `${col.name}__offsets`, dtype: "int32", part: "offsets" } as const] : []),
    ...(nullable ? [{ name: `${col.name}__validity`, dtype: "bool", part: "validity" } as const] : []),
  ];
}
