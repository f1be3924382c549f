/**
 * Integers of 16 to 20 digits are read without long arithmetic; BigInt decides what they are.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { atOnce } from "#runtime/base/slices.js";
import { elementsOf, isBytes } from "#runtime/server/transport/http/read-elements.js";
import type { DataList } from "#runtime/wire/json/data-list.js";
import { JsonReader, parseJson, WholeDouble } from "#runtime/wire/json/json.js";
import { wireDatatype } from "#triton-protos/datatype.js";

const near = (value: bigint): readonly bigint[] => [-3n, -2n, -1n, 0n, 1n, 2n, 3n].map(d => value + d);
const EDGES = [
  ...[...Array(65).keys()].flatMap(power => near(2n ** BigInt(power))),
  ...[...Array(24).keys()].flatMap(power => near(10n ** BigInt(power))),
].flatMap(value => [value, -value]);
const any = fc.oneof(fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }), fc.constantFrom(...EDGES));

/** The value of a literal: the double that equals it, the integer of 64 bits, or else the nearest double. */
function meant(value: bigint): unknown {
  if (BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))) return Number(value);
  return value >= -(2n ** 63n) && value < 2n ** 64n ? value : Number(value);
}

test("a number is what its digits mean", () => {
  const check = (value: bigint): void => {
    const [read] = parseJson(Buffer.from(`[${value}]`)) as [unknown];
    expect(read instanceof WholeDouble ? read.value : read).toBe(meant(value));
  };
  EDGES.forEach(check);
  fc.assert(fc.property(any, check), { numRuns: 3000 });
});

test.each([
  ["INT64", BigInt64Array, -(2n ** 63n), 2n ** 63n - 1n],
  ["UINT64", BigUint64Array, 0n, 2n ** 64n - 1n],
  ["FP64", Float64Array, -(2n ** 63n), 2n ** 64n - 1n],
  ["FP32", Float32Array, -(2n ** 63n), 2n ** 64n - 1n],
  ["INT32", Int32Array, -(2n ** 63n), 2n ** 63n - 1n],
  ["UINT8", Uint8Array, 0n, 2n ** 64n - 1n],
] as const)("many integers in a list are the elements of %s", (datatype, Elements, least, most) => {
  const inRange = (value: bigint): boolean => value >= least && value <= most;
  const list = fc.array(fc.oneof(fc.bigInt({ min: least, max: most }), fc.constantFrom(...EDGES.filter(inRange))), {
    minLength: 1,
    maxLength: 400,
  });
  fc.assert(
    fc.property(list, values => {
      const reader = new JsonReader(Buffer.from(`[${values}]`), { isData: true });
      reader.read();
      const read = elementsOf(reader.value as DataList, wireDatatype(datatype)!, values.length);
      const bytes = isBytes(read) ? read : atOnce(read);
      const found = new Elements(bytes.slice().buffer);
      const narrow = (value: bigint): number =>
        datatype.startsWith("FP") ? Number(value) : Number(BigInt.asIntN(32, value));
      const isWide = found instanceof BigInt64Array || found instanceof BigUint64Array;
      const wanted = isWide ? values : (Elements as Float64ArrayConstructor).from(values.map(narrow));
      expect([...found]).toEqual([...wanted]);
    }),
    { numRuns: 200 },
  );
});
