/** Integer dtype → the smallest and largest value it holds, exactly. Null for floats and strings. */
import { type DType, datatype } from "../../../triton-protos/datatype.js";

export function integerRange(dtype: DType): { readonly min: bigint; readonly max: bigint } | null {
  const { kind, bytes } = datatype(dtype);
  const bits = BigInt(bytes * 8);
  if (kind === "uint") return { min: 0n, max: (1n << bits) - 1n };
  if (kind === "int") return { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n };
  return null;
}
