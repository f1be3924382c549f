/** Which ids can be the same: those of one dtype, and integers that int64 holds. */
import { type DType, datatype } from "../triton-protos/datatype.js";

const isInteger = (dtype: DType): boolean => ["int", "uint"].includes(datatype(dtype).kind) && dtype !== "uint64";

/** The dtype in which ids of two columns are compared; undefined where they cannot be. */
export const comparedAs = (a: DType, b: DType): DType | undefined =>
  a === b ? a : isInteger(a) && isInteger(b) ? "int64" : undefined;
