/**
 * Hashes (pairs of words) and row numbers → pandas' hash of value and row label together: `hash_pandas_object(series, index=True)`, which
 * NVTabular uses on CPU. Source of the combination: CPython's tuple hash as `pandas.core.util.hashing.combine_hash_arrays` has it.
 */
import { type Column, rootRows } from "../../../runtime/base/columns/table.js";
import { hashValues } from "./pandas-hash.js";

const wrap = (x: bigint): bigint => BigInt.asUintN(64, x);

export function withRowNumbers(hashes: Int32Array, numbers: Float64Array): Int32Array {
  const labels: Column = {
    dtype: "int64",
    rows: rootRows(numbers.length),
    values: BigInt64Array.from(numbers, BigInt),
  };
  const values = new BigUint64Array(Int32Array.from(hashes).buffer);
  const rows = new BigUint64Array(hashValues(labels).buffer as ArrayBuffer);
  const combined = values.map((value, i) => {
    const first = wrap((0x345678n ^ value) * 1000003n);
    return wrap((first ^ rows[i]!) * (1000003n + 82524n) + 97531n);
  });
  return new Int32Array(combined.buffer);
}
