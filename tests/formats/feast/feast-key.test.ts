import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isKeyType,
  type JoinKey,
  type KeyPart,
  type KeyVersion,
  keyDecoder,
  keyEncoder,
  keyPrefix,
  keyVersionOf,
} from "#formats/feast/feast-key.js";
import { FEAST_TYPES } from "#formats/feast/feast-type.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { describeKey, keyColumns, keyColumnsEncoder } from "#runtime/stores/feast/key-column.js";
import { scalars } from "../../operators/step.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

// Computed with Feast's serialize_entity_key; version 1 is also in Feast's documentation.
const VECTORS = [
  ["driver_id", "INT64", 1002n, 1, "020000006472697665725f69640400000004000000ea030000"],
  ["driver_id", "INT64", 1002n, 2, "020000006472697665725f69640400000008000000ea03000000000000"],
  ["driver_id", "INT64", 1002n, 3, "0100000002000000090000006472697665725f69640400000008000000ea03000000000000"],
  ["user_id", "INT32", 7, 1, "02000000757365725f6964030000000400000007000000"],
  ["user_id", "INT32", 7, 2, "02000000757365725f6964030000000400000007000000"],
  ["user_id", "INT32", 7, 3, "010000000200000007000000757365725f6964030000000400000007000000"],
  ["user_id", "STRING", "u7", 3, "010000000200000007000000757365725f696402000000020000007537"],
] as const;

describe("entity keys", () => {
  test.each(VECTORS)("%s %s %s in version %i", (name, type, value, version, bytes) => {
    expect(hex(keyEncoder([{ name, type }], version)([value]))).toBe(bytes);
  });
  test("join keys are sorted by name", () => {
    const [a, b] = [
      { name: "a", type: "INT32" },
      { name: "b", type: "STRING" },
    ] as const;
    expect(hex(keyEncoder([b, a], 3)(["x", 1]))).toBe(hex(keyEncoder([a, b], 3)([1, "x"])));
  });
  test("a number beyond its type names the key", () => {
    expect(() => keyEncoder([{ name: "user_id", type: "INT64" }], 1)([2n ** 31n])).toThrow(
      "join key `user_id`: 2147483648 is beyond int32",
    );
  });
  test("the version shows in the bytes", () => {
    for (const version of [1, 2, 3] as const) {
      const join = { name: "user_id", type: "INT64" } as const;
      expect(keyVersionOf(keyEncoder([join], version)([5n]), [join])).toBe(version);
    }
    expect(keyVersionOf(Uint8Array.of(1, 2, 3), [{ name: "x", type: "INT64" }])).toBeNull();
  });
});

test("five types may be in a key", () => {
  const may = FEAST_TYPES.filter(({ name }) => isKeyType(name)).map(({ name }) => name);
  expect(may).toEqual(["BYTES", "STRING", "INT32", "INT64", "UNIX_TIMESTAMP"]);
  expect(() => keyEncoder([{ name: "x", type: "FLOAT" }], 3)([1])).toThrow(
    "join key `x` is FLOAT, which Feast has no key for",
  );
});

interface Typed {
  readonly join: JoinKey;
  readonly value: KeyPart;
}
const bits = (size: 32 | 64) => fc.bigInt({ min: -(2n ** BigInt(size - 1)), max: 2n ** BigInt(size - 1) - 1n });
const typed: fc.Arbitrary<Omit<Typed, "join"> & { type: JoinKey["type"] }> = fc.oneof(
  fc.record({ type: fc.constant("BYTES" as const), value: fc.uint8Array({ maxLength: 9 }) }),
  fc.record({ type: fc.constant("STRING" as const), value: fc.string({ unit: "grapheme", maxLength: 6 }) }),
  fc.record({ type: fc.constant("INT32" as const), value: bits(32).map(Number) }),
  fc.record({ type: fc.constant("INT64" as const), value: bits(64) }),
  fc.record({ type: fc.constant("UNIX_TIMESTAMP" as const), value: bits(64) }),
);
const several = fc
  .uniqueArray(fc.string({ unit: "grapheme", minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 })
  .chain(names =>
    fc.tuple(...names.map(name => typed.map(({ type, value }): Typed => ({ join: { name, type }, value })))),
  );
const versions = fc.constantFrom<KeyVersion>(1, 2, 3);

describe("a stored key", () => {
  test("is read back in the order of the join keys, whatever their names; cut anywhere or longer, it is none", () => {
    fc.assert(
      fc.property(several, versions, (all, version) => {
        const joins = all.map(({ join }) => join);
        const narrow = (value: KeyPart) => typeof value === "bigint" && BigInt.asIntN(32, value) !== value;
        fc.pre(version > 1 || !all.some(({ join, value }) => join.type === "INT64" && narrow(value)));
        const key = keyEncoder(joins, version)(all.map(({ value }) => value));
        const { length } = keyPrefix(
          joins.map(({ name }) => name),
          version,
        );
        const decode = keyDecoder(joins, length);
        const expected = all.map(({ join, value }) => (version === 1 && join.type === "INT64" ? Number(value) : value));
        // In the middle of a buffer, as rows of a database are.
        const inside = new Uint8Array([9, 9, 9, ...key, 9]).subarray(3, 3 + key.length);
        expect(decode(inside)).toEqual(expected);
        for (let cut = length; cut < key.length; cut++) expect(decode(key.subarray(0, cut))).toBeUndefined();
        expect(decode(Uint8Array.of(...key, 0))).toBeUndefined();
        expect(keyVersionOf(inside, joins)).toBe(
          version === 1 && !joins.some(({ type }) => type === "INT64") ? 2 : version,
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe("columns of keys", () => {
  const bytes = Uint8Array.of(0, 255, 128);
  test("hold bytes as text or in base64, and texts as they are", () => {
    const [blob, text] = [
      { name: "k", type: "BYTES" },
      { name: "k", type: "STRING" },
    ] as const;
    const coded = Buffer.from(bytes).toString("base64");
    const one = (join: JoinKey, form: "utf8" | "base64", value: string) =>
      hex(keyColumnsEncoder([join], 3, form)([scalars("string", [value])])[0]!);
    expect(one(blob, "base64", coded)).toBe(hex(keyEncoder([blob], 3)([bytes])));
    expect(one(blob, "utf8", coded)).toBe(hex(keyEncoder([blob], 3)([coded])));
    expect(one(text, "base64", coded)).toBe(hex(keyEncoder([text], 3)([coded])));
    const back = (join: JoinKey, form: "utf8" | "base64", part: KeyPart) =>
      keyColumns([join], [[part]], rootRows(1), form)[0]!.values[0];
    expect([back(blob, "base64", bytes), back(blob, "utf8", Buffer.from("né"))]).toEqual([coded, "né"]);
    expect(back(text, "base64", "né")).toBe("né");
  });
  test.each<[JoinKey["type"], KeyVersion, "int64" | "int32"]>([
    ["INT64", 1, "int64"],
    ["INT64", 2, "int64"],
    ["INT64", 3, "int64"],
    ["UNIX_TIMESTAMP", 1, "int64"],
    ["INT32", 3, "int32"],
  ])("of %s in version %i are the single keys, and are read back", (type, version, dtype) => {
    const join = { name: "k", type } as const;
    const values = dtype === "int64" ? [5n, -1n, 2n ** 31n - 1n] : [5, -1, 2 ** 31 - 1];
    const made = keyColumnsEncoder([join], version, "utf8")([scalars(dtype, values)]);
    expect(made.map(hex)).toEqual(values.map(value => hex(keyEncoder([join], version)([value]))));
    const decode = keyDecoder([join], keyPrefix(["k"], version).length);
    const rows = rootRows(3);
    const [column] = keyColumns(
      [join],
      made.map(key => decode(key)!),
      rows,
      "utf8",
    );
    expect([column!.dtype, [...column!.values], column!.rows === rows]).toEqual([dtype, values, true]);
  });
  test("of several join keys, and a number beyond its type", () => {
    const joins = [
      { name: "b", type: "INT64" },
      { name: "a", type: "STRING" },
    ] as const;
    const columns = [scalars("int64", [1n, 2n]), scalars("string", ["x", "y"])];
    expect(keyColumnsEncoder(joins, 3, "utf8")(columns).map(hex)).toEqual(
      [[1n, "x"] as const, [2n, "y"] as const].map(parts => hex(keyEncoder(joins, 3)(parts))),
    );
    expect(describeKey(joins, columns, 1)).toBe("b 2, a y");
    const beyond = () => keyColumnsEncoder([{ name: "k", type: "INT64" }], 1, "utf8")([scalars("int64", [2n ** 31n])]);
    expect(beyond).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", message: "join key `k`: 2147483648 is beyond int32" }),
    );
  });
});
