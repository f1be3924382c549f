// Every type of Feast's values: what is written is read back, and other bytes are refused.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesMember, message, stringMember, varintMember } from "#formats/bytes/wire-writer.js";
import { encodeValue, type FeastScalar } from "#formats/feast/encode-feast-value.js";
import { FEAST_TYPES, type FeastType, feastType, feastTypeOf, isStructured } from "#formats/feast/feast-type.js";
import { decodeValue } from "#formats/feast/feast-value.js";

function decoded(bytes: Uint8Array, start?: number, end?: number) {
  const items: unknown[] = [];
  const take = (item: unknown) => void items.push(item);
  const type = decodeValue(
    bytes,
    {
      ...{ number: take, string: take, bytes: item => take(Buffer.from(item).toString("hex")) },
      words: (lo, hi) => take((BigInt(hi) << 32n) | BigInt(lo >>> 0)),
    },
    start,
    end,
  );
  return { type, items };
}

const SCALARS: Readonly<Record<number, fc.Arbitrary<FeastScalar>>> = {
  1: fc.uint8Array({ maxLength: 5 }),
  2: fc.string({ unit: "grapheme", maxLength: 5 }),
  3: fc.integer(),
  4: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  5: fc.double({ noNaN: true }),
  6: fc.float({ noNaN: true }),
  7: fc.boolean(),
  8: fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }),
};
const here = (item: FeastScalar): unknown =>
  item instanceof Uint8Array ? Buffer.from(item).toString("hex") : typeof item === "boolean" ? Number(item) : item;
const plain = FEAST_TYPES.filter(({ item }) => typeof item === "number");

test.each(plain)("$name is read back as it was written", ({ name, list, item }) => {
  const one = SCALARS[item as number]!;
  const own = list ? (fc.array(one, { maxLength: 4 }) as fc.Arbitrary<FeastScalar[] | FeastScalar>) : one;
  fc.assert(
    fc.property(own, given => {
      const bytes = encodeValue(name, given as FeastScalar);
      const expected = list ? (given as FeastScalar[]).map(here) : [here(given as FeastScalar)];
      // Types without a member of their own are read as bytes or text.
      const stored = decoded(bytes);
      expect(stored.items).toEqual(expected);
      const { item: read, list: isList } = feastType(stored.type!);
      expect([read, isList]).toEqual([item, list]);
      // In the middle of other bytes.
      expect(decoded(Buffer.concat([Buffer.of(255), bytes, Buffer.of(255)]), 1, 1 + bytes.length)).toEqual(stored);
    }),
    { numRuns: 40 },
  );
});

describe("null", () => {
  test("has no bytes, or the least moment", () => {
    for (const { name } of FEAST_TYPES) {
      if (isStructured(feastType(name))) continue;
      expect([name, decoded(encodeValue(name, null))]).toEqual([name, { type: null, items: [] }]);
      expect(encodeValue(name, null)).toHaveLength(name === "UNIX_TIMESTAMP" ? 11 : 0);
    }
    expect(decoded(message(varintMember(19, 1)))).toEqual({ type: null, items: [] });
  });
});

describe("structures", () => {
  const value = (type: FeastType, given: FeastScalar) => encodeValue(type, given);
  const entry = (key: string, of: Uint8Array) => bytesMember(1, message(stringMember(1, key), bytesMember(2, of)));
  test("are read as JSON, by the names of their members", () => {
    const map = message(entry("b", value("INT64", 5n)), entry("a", value("STRING", "x")), entry("n", message()));
    expect(decoded(bytesMember(feastType("MAP").number, map))).toEqual({
      ...{ type: "MAP", items: ['{"a":"x","b":5,"n":null}'] },
    });
    const nested = message(bytesMember(1, value("INT32", 1)), bytesMember(1, bytesMember(20, map)));
    expect(decoded(bytesMember(feastType("VALUE_LIST").number, nested)).items).toEqual([
      '[1,{"a":"x","b":5,"n":null}]',
    ]);
    const scalars = message(
      bytesMember(1, message(bytesMember(1, varintMember(1, 7)), bytesMember(2, value("INT32", 8)))),
      varintMember(9, 1),
    );
    expect(decoded(bytesMember(feastType("SCALAR_MAP").number, scalars))).toEqual({
      ...{ type: "SCALAR_MAP", items: ['{"7":8}'] },
    });
  });
  test("of a moment with a zone are its second", () => {
    const zoned = message(stringMember(2, "Europe/Rome"), varintMember(1, 1_700_000_000));
    expect(decoded(bytesMember(48, zoned))).toEqual({ type: "ZONED_TIMESTAMP", items: [1_700_000_000n] });
    expect(decoded(bytesMember(48, message())).items).toEqual([0n]);
  });
  test("nest a hundred deep, and no deeper", () => {
    const deep = (depth: number): Uint8Array => {
      let inner = value("INT64", 1n);
      for (let i = 0; i < depth; i++) inner = bytesMember(42, bytesMember(1, inner));
      return inner;
    };
    expect(decoded(deep(101)).items).toEqual([`${"[".repeat(101)}1${"]".repeat(101)}`]);
    expect(() => decoded(deep(102))).toThrow("more than 100 maps or lists inside one another");
  });
});

test("types that are newer, and members of another wire type, are refused", () => {
  expect(feastTypeOf(49)).toBeUndefined();
  expect(() => decoded(message(varintMember(49, 1)))).toThrow("a value of Feast's type 49, which is not known here");
  expect(() => decoded(message(varintMember(2, 1)))).toThrow(/wire type 0 for member 2/);
  expect(() => decoded(message(varintMember(6, 1)))).toThrow(/wire type 0 for member 6/);
});
