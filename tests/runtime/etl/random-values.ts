/** Random values of a dtype, as plain values: few of them, with the dtype's edges. */
import fc from "fast-check";
import { type DType, datatype } from "#triton-protos/datatype.js";
import type { Value } from "./table-values.js";

export const DTYPES = [
  "bool",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "int8",
  "int16",
  "int32",
  "int64",
  "float32",
  "float64",
  "string",
] as const satisfies readonly DType[];
/** Few distinct values, so that vocabularies have counts, with the dtype's edges among them. */
export function presentValue(dtype: DType): fc.Arbitrary<Exclude<Value, null>> {
  const { kind, bytes } = datatype(dtype);
  if (kind === "bool") return fc.boolean();
  if (kind === "string")
    return fc.oneof(
      fc.constantFrom("", "a", "é", "😀", "O'Brien", "a\nb", "\\"),
      fc.string({ maxLength: 20, unit: "grapheme" }).filter(s => !s.includes("\0")),
    );
  if (kind === "float") {
    const edges = fc.constantFrom(0, -1, 1.5, -2.25, 3.4e38, 1e-30);
    return fc
      .oneof(
        edges,
        bytes === 4
          ? fc.float({ noNaN: true, noDefaultInfinity: true })
          : fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e200, max: 1e200 }),
      )
      .map(x => x + 0);
  }
  const bits = BigInt(bytes * 8);
  const [min, max] = kind === "uint" ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  return fc
    .oneof(
      fc.constantFrom(min, max, max - 1n, 0n, 1n, 7n, ...(kind === "int" ? [-1n, -2n] : [])),
      fc.bigInt({ min, max }),
    )
    .map(x => (bytes === 8 ? String(x) : Number(x)));
}

export const nullable = (dtype: DType): fc.Arbitrary<Value> => fc.option(presentValue(dtype), { freq: 5, nil: null });
