import { describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { candidates, column, context, lists, plain, prepare, scalars, vectors } from "../../tests/operators/step.js";

const step = (unroll: readonly string[], prefix = "user") => ({
  params: { itemColumn: "item_id", prefix },
  inputs: { input: ["item_id", "price"], unroll },
  outputs: ["item_id", "price", ...unroll.map(name => `user_${name}`)].map(name =>
    column(name, "int64", { rows: "c" }),
  ),
});

describe("unrollFeatures", () => {
  test("scalars, vectors, ragged lists, strings and nulls are repeated for each user's candidates", async () => {
    const users = rootRows(3);
    const items = candidates("int64", [[10, 11], [], [12]], users);
    const price = scalars("float32", [1, 2, 3], items.rows);
    const unroll = [
      scalars("int64", [7, 8, 9], users),
      vectors(
        "float32",
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        2,
        users,
      ),
      lists("int64", [[1], [2, 3], [4, 5, 6]], users),
      scalars("string", ["a", "b", null], users),
      scalars("int8", [1, null, null], users),
    ];
    const kernel = await prepare("unrollFeatures", step(["a", "b", "c", "d", "e"]));
    const made = await kernel.run({ input: [items, price], unroll }, context());
    expect(made.map(plain)).toEqual([
      [10n, 11n, 12n],
      [1, 2, 3],
      [7n, 7n, 9n],
      [
        [1, 2],
        [1, 2],
        [5, 6],
      ],
      [[1n], [1n], [4n, 5n, 6n]],
      ["a", "a", null],
      [1, 1, null],
    ]);
    expect(made.every(col => col.rows === items.rows)).toBe(true);
  });
  test("a column of rows that the items were not made from", async () => {
    const items = candidates("int64", [[1]]);
    const kernel = await prepare("unrollFeatures", step(["age"]));
    expect(() => kernel.run({ input: [items, items], unroll: [scalars("int64", [1, 2])] }, context())).toThrow(
      "column `age` has 2 rows, which the 1 rows of `item_id` were not made from.",
    );
    await expect(prepare("unrollFeatures", { ...step([]), params: { itemColumn: "gone" } })).rejects.toThrow(
      "its item column `gone` is not among its inputs.",
    );
  });
});
