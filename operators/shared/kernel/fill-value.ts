/**
 * Fill value of `fillMissing` and a dtype → the value in that dtype, or a fault that names the step. Kernel and SQL form share it.
 */

import { invalid } from "../../../runtime/base/errors.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { integerRange } from "./integer-range.js";

export type FillValue = number | bigint | string;

/** Booleans are 0 or 1, as in their columns. */
export function fillFor(dtype: DType, value: number | string | boolean, what: string): FillValue {
  const { kind, bytes } = datatype(dtype);
  if (kind === "string" && typeof value === "string") return value;
  if (kind === "bool" && (typeof value === "boolean" || value === 0 || value === 1)) return Number(value);
  if (kind === "float" && typeof value === "number") return value;
  const range = integerRange(dtype);
  if (range && typeof value === "number" && Number.isInteger(value)) {
    const exact = BigInt(value);
    if (exact >= range.min && exact <= range.max) return bytes === 8 ? exact : value;
  }
  throw invalid(
    `${what} cannot fill a ${dtype} column with ${JSON.stringify(value)}. Give \`fillValue\` a value of that type.`,
  );
}
