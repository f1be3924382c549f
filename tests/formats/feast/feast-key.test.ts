import { describe, expect, test } from "vitest";
import { keyEncoder, keyVersionOf } from "#formats/feast/feast-key.js";
import { keyColumnsEncoder } from "#runtime/stores/feast/key-column.js";
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
  test.each([-1n, 1002n, 2n ** 62n + 3n, -(2n ** 63n)])("a column's key of %s is the single key", value => {
    const join = { name: "user_id", type: "INT64" } as const;
    expect(keyColumnsEncoder([join], 3, "utf8")([scalars("int64", [5n, value])]).map(hex)).toEqual(
      [5n, value].map(v => hex(keyEncoder([join], 3)([v]))),
    );
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
