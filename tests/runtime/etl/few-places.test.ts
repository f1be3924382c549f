// The places of a few values in the file of a vocabulary: golden rows look theirs up so.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { printVocabulary } from "#operators/categorify/kernel-vocabulary.js";
import { placesInFile } from "#runtime/etl/few-places.js";
import type { DType, Values } from "#triton-protos/datatype.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-few-places-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function places(dtype: DType, values: Values, few: Values, sought: Values = few): number[] {
  const file = join(folder, "vocabulary.arrow");
  writeFileSync(file, printVocabulary({ dtype, values, counts: new BigInt64Array(values.length) }));
  return Array.from(placesInFile(file, few)(sought));
}

test("texts of any length, with others that end alike", () => {
  const text = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 5 }),
    fc.constantFrom("", "a", "aa", "xaa", "yxaa", "é", "日本", "a".repeat(8192)),
  );
  fc.assert(
    fc.property(fc.uniqueArray(text, { maxLength: 40 }), fc.array(text, { maxLength: 12 }), (all, few) => {
      const values = all.map(one => Buffer.from(one).toString());
      const wanted = few.map(one => Buffer.from(one).toString());
      expect(places("string", values, wanted)).toEqual(wanted.map(one => values.indexOf(one)));
    }),
  );
});

test("64-bit integers that differ in one of their words, or in its upper half", () => {
  const word = fc.constantFrom(0n, 1n, 0x1_0000n, 0xffff_ffffn);
  const integer = fc.tuple(word, word).map(([high, low]) => (high << 32n) | low);
  fc.assert(
    fc.property(
      fc.uniqueArray(integer, { maxLength: 12 }),
      fc.array(integer, { maxLength: 8 }),
      fc.constantFrom("int64", "uint64"),
      (all, few, dtype) => {
        const as = (values: readonly bigint[]) =>
          dtype === "int64" ? new BigInt64Array(BigUint64Array.from(values).buffer) : BigUint64Array.from(values);
        expect(places(dtype, as(all), as(few))).toEqual(few.map(one => all.indexOf(one)));
      },
    ),
  );
});

test("integers beyond 2^53, and both zeros of floats", () => {
  const integers = BigInt64Array.of(3n, 2n ** 53n + 1n, -1n);
  expect(places("int64", integers, BigInt64Array.of(-1n, 2n ** 53n, 2n ** 53n + 1n, -1n))).toEqual([2, -1, 1, 2]);
  expect(
    places("float64", Float64Array.of(0.5, 0, Number.POSITIVE_INFINITY), Float64Array.of(-0, 0.5, Number.NaN)),
  ).toEqual([1, 0, -1]);
});

test("a value that was not among the few is not found", () => {
  expect(places("string", ["a", "b"], ["b"], ["a", "b"])).toEqual([-1, 1]);
  expect(places("string", [], ["b"])).toEqual([-1]);
});
