// `merlon feast get`: keys as text, and faults of views, keys and values that do not fit.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FeatureQuestion, getFeatures } from "#runtime/stores/feast/get-features.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-get-features-"));
  const source = { name: "s", path: "s.parquet", timestampField: "event" };
  writeFeastRepository(folder, {
    ...{ project: "p", timestamp: 1_700_000_000 },
    entities: [
      { name: "user", joinKey: "user_id", type: "INT64" },
      { name: "item", joinKey: "item_id", type: "INT32" },
      { name: "shop", joinKey: "shop", type: "STRING" },
    ],
    views: [
      {
        ...{ name: "users", entities: ["user"], source },
        features: [
          { name: "age", type: "INT32" },
          { name: "active", type: "BOOL" },
          { name: "flags", type: "BOOL_LIST" },
          { name: "tags", type: "STRING_LIST" },
        ],
        rows: {
          user_id: [1n, 2n, 3n],
          ...{ age: [30, null, 50], active: [true, false, null], flags: [[true, false], [], null] },
          tags: [["a", "b"], ["c"], []],
        },
      },
      {
        ...{ name: "items", entities: ["item"], source },
        features: [{ name: "price", type: "DOUBLE" }],
        rows: { item_id: [7, 8], price: [1.5, 2.5] },
      },
      {
        ...{ name: "visits", entities: ["user", "shop"], source },
        features: [{ name: "count", type: "INT64" }],
        rows: { user_id: [1n, 1n], shop: ["x", "y"], count: [4n, 5n] },
      },
    ],
    services: [{ name: "both", views: [{ view: "users", features: ["age"] }, { view: "items" }] }],
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

const get = (keys: Readonly<Record<string, readonly string[]>>, question: Omit<FeatureQuestion, "keys">) =>
  getFeatures(folder, { keys: new Map(Object.entries(keys)), ...question });
const said = (...of: Parameters<typeof get>): Promise<string> =>
  get(...of).then(
    records => JSON.stringify(records.length),
    ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
  );

describe("records", () => {
  test("have keys and features of one view, lists as lists, null for a missing value", async () => {
    expect(await get({ user_id: ["3", "1", "9", "1"] }, { views: ["users"] })).toEqual([
      { user_id: 3n, age: 50, active: null, flags: null, tags: [] },
      { user_id: 1n, age: 30, active: true, flags: [true, false], tags: ["a", "b"] },
      { user_id: 9n, age: null, active: null, flags: null, tags: null },
      { user_id: 1n, age: 30, active: true, flags: [true, false], tags: ["a", "b"] },
    ]);
    expect(await get({ user_id: ["2"] }, { views: ["users"] })).toMatchObject([
      { active: false, flags: [], age: null },
    ]);
    // Lists that do not begin at the first element.
    expect(await get({ user_id: ["1", "2"] }, { views: ["users"], features: ["tags"] })).toEqual([
      { user_id: 1n, tags: ["a", "b"] },
      { user_id: 2n, tags: ["c"] },
    ]);
  });
  test("are of entities with several keys", async () => {
    expect(await get({ shop: ["y", "z"], user_id: ["1", "1"] }, { views: ["visits"] })).toEqual([
      { user_id: 1n, shop: "y", count: 5n },
      { user_id: 1n, shop: "z", count: null },
    ]);
  });
});

describe("a fault names", () => {
  test("a view, a service, or neither", async () => {
    expect(await said({}, { views: ["gone"] })).toBe(
      "INVALID_ARGUMENT: the repository has no view `gone`; it has `users`, `items`, `visits`.",
    );
    expect(await said({}, { service: "gone" })).toBe(
      "INVALID_ARGUMENT: the repository has no service `gone`; it has `both`.",
    );
    const neither =
      "INVALID_ARGUMENT: name a view with `--view` (`users`, `items`, `visits`) or a service with `--service`.";
    expect([await said({}, {}), await said({}, { views: [] })]).toEqual([neither, neither]);
  });
  test("a feature, with those of the views", async () => {
    expect(await said({ user_id: ["1"] }, { views: ["items", "visits"], features: ["price", "age"] })).toBe(
      "INVALID_ARGUMENT: `items`, `visits` has no feature `age`; there are `price`, `count`.",
    );
  });
  test("a key that is missing, and keys of other lengths", async () => {
    expect(await said({ user_id: ["1"] }, { views: ["visits"] })).toBe(
      "INVALID_ARGUMENT: `visits` is looked up by `shop` too. Give it with `--key shop=…`.",
    );
    expect(await said({ user_id: ["1"] }, { views: ["users", "visits"] })).toBe(
      "INVALID_ARGUMENT: `users`, `visits` is looked up by `shop` too. Give it with `--key shop=…`.",
    );
    expect(await said({ user_id: ["1"], shop: ["x", "y"] }, { views: ["visits"] })).toBe(
      "INVALID_ARGUMENT: the keys have 1 values of `user_id` and 2 values of `shop`: they pair by position.",
    );
  });
  test("a value that is not an integer, or beyond its type", async () => {
    for (const text of ["x", "1.5", "", "1x", " 1", "0x1"])
      expect(await said({ item_id: ["7", text] }, { views: ["items"] })).toBe(
        `INVALID_ARGUMENT: \`item_id\` is INT32 and \`${text}\` is not an integer.`,
      );
    expect(await said({ item_id: ["2147483648"] }, { views: ["items"] })).toBe(
      "INVALID_ARGUMENT: `item_id` is INT32, which 2147483648 is beyond.",
    );
    expect(await said({ user_id: ["9223372036854775808"] }, { views: ["users"] })).toMatch(
      /is INT64, which 9223372036854775808 is beyond/,
    );
    for (const text of ["-2147483648", "2147483647", "007", "-0"])
      expect([text, await said({ item_id: [text] }, { views: ["items"] })]).toEqual([text, "1"]);
    expect(await said({ user_id: ["-9223372036854775808"] }, { views: ["users"] })).toBe("1");
  });
});
