/** `hashBucket` in SQL: the functions of `hash-functions.ts`, one 64-bit hash a value, modulo the buckets. */
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { throughKernel } from "./kernel-function.js";
import { sqlType } from "./literal.js";
import { each, eachAs, type SqlColumn, type SqlForm } from "./sql-form.js";

export const hashBucket: SqlForm<"hashBucket"> = (step, inputs, context) =>
  step.params.nvtabularHash
    ? throughKernel(step, inputs, context)
    : inputs.map(col => each(hashOf(col), v => `CAST(${v} % ${step.params.numBuckets} AS INTEGER)`));

/** The column's hashes (UBIGINT): pandas' own, the same bits as the kernel's `hashValues`. Never NULL. */
export function hashOf(col: SqlColumn): SqlColumn {
  const { kind, bytes, duckdb } = datatype(col.dtype);
  if (kind === "string" || col.dictionary) return eachAs(col, "uint64", v => `merlon_hash_${col.dtype}(${v})`);
  const unsigned = sqlType(`uint${bytes * 8}` as DType);
  const bits = eachAs(col, "uint64", v => {
    if (kind === "float") {
      const nan = bytes === 8 ? "9221120237041090560" : "2143289344";
      return `coalesce(CAST(CAST(CAST(${v} AS BIT) AS ${unsigned}) AS UBIGINT), ${nan}::UBIGINT)`;
    }
    return kind === "bool" || duckdb === unsigned
      ? `CAST(${v} AS UBIGINT)`
      : `CAST(CAST(CAST(${v} AS BIT) AS ${unsigned}) AS UBIGINT)`;
  });
  // One macro a pass over a list: nested in one lambda, each would evaluate the one inside it twice.
  const mixed = eachAs(
    eachAs(
      eachAs(bits, "uint64", v => `merlon_mix_1(${v})`),
      "uint64",
      v => `merlon_mix_2(${v})`,
    ),
    "uint64",
    v => `merlon_mix_3(${v})`,
  );
  return eachAs(mixed, "uint64", v => `coalesce(${v}, 18446744073709551615::UBIGINT)`);
}
