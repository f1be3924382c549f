// pandas' own hashes (tests/oracles/nvtabular/pandas_hash.py).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bucketOf, hashValues } from "#operators/shared/kernel/pandas-hash.js";
import { rootRows, type Values } from "#runtime/base/columns/table.js";
import type { DType } from "#triton-protos/datatype.js";
import { scalars } from "../../../tests/operators/step.js";

type Cases = Readonly<Record<string, readonly (readonly [value: string, hash: string])[]>>;
const CASES = JSON.parse(
  readFileSync(new URL("../../../tests/fixtures/nvtabular/pandas-hash.json", import.meta.url), "utf8"),
) as Cases;

function valuesOf(dtype: string, texts: readonly string[]): Values {
  if (dtype === "string") return texts as string[];
  const isFloat = dtype.startsWith("float");
  const read = dtype.endsWith("int64") ? BigInt : Number;
  const numbers = texts.map(text => (isFloat ? Buffer.from(text, "hex").readDoubleBE() : read(text)));
  const { values } = scalars(dtype as DType, numbers);
  return values;
}
const unsigned = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

test.each(Object.entries(CASES))("%s", (dtype, cases) => {
  const values = valuesOf(
    dtype,
    cases.map(([value]) => value),
  );
  const hashes = hashValues({ dtype: dtype as DType, rows: rootRows(cases.length), values });
  const made = cases.map(([value], i) => [value, String(unsigned(hashes[2 * i]!, hashes[2 * i + 1]!))]);
  expect(made).toEqual(cases);
  for (const buckets of [1, 2, 10, 65_535, 65_536, 65_537, 2 ** 31 - 1])
    for (const [i, [value, hash]] of cases.entries())
      expect([value, bucketOf(hashes[2 * i]!, hashes[2 * i + 1]!, buckets)]).toEqual([
        value,
        Number(BigInt(hash) % BigInt(buckets)),
      ]);
});

test("a null is all ones, a float's null its NaN", () => {
  const nullOf = (dtype: DType, values: Values) => {
    const hashes = hashValues({ dtype, rows: rootRows(1), values, validity: Uint8Array.of(0) });
    return unsigned(hashes[0]!, hashes[1]!);
  };
  expect(nullOf("string", ["a"])).toBe(2n ** 64n - 1n);
  expect(nullOf("int64", BigInt64Array.of(5n))).toBe(2n ** 64n - 1n);
  const nan = (dtype: string) => BigInt(CASES[dtype]!.find(([value]) => value.startsWith("7ff8"))![1]);
  expect(nullOf("float32", Float32Array.of(1))).toBe(nan("float32"));
  expect(nullOf("float64", Float64Array.of(1))).toBe(nan("float64"));
});
