import { describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { column, grouped, type Item, lists, run, vectors } from "../../tests/operators/step.js";

const step = {
  params: { name: "candidate_ids" },
  inputs: { input: ["ids"], with: ["scores"] },
  outputs: [column("candidate_ids", "int64", { rows: "s1" }), column("scores", "float32", { rows: "s1" })],
} as const;

describe("explode with lists beside the candidates", () => {
  test("items stay together; a null id leaves its score out, a null score stays", async () => {
    const rows = rootRows(3);
    const ids: Item[][] = [[1n, 2n, 3n], [], [4n]];
    const [left, scores] = await run("explode", step, {
      input: [{ ...lists("int64", ids, rows), validity: Uint8Array.of(1, 0, 1, 1) }],
      with: [lists("float32", [[0.5, 0.25, Number.NaN], [], [2]], rows)],
    });
    expect(grouped(left!)).toEqual([[1n, 3n], [], [4n]]);
    expect(grouped(scores!)).toEqual([[0.5, Number.NaN], [], [2]]);
    expect(scores!.rows).toBe(left!.rows);
  });

  test("nulls of integers, and vectors beside lists", async () => {
    const rows = rootRows(2);
    const [left, stock] = await run("explode", step, {
      input: [
        vectors(
          "int64",
          [
            [1n, 2n],
            [3n, 4n],
          ],
          2,
          rows,
        ),
      ],
      with: [
        {
          ...lists(
            "int32",
            [
              [7, 0],
              [8, 9],
            ],
            rows,
          ),
          validity: Uint8Array.of(1, 0, 1, 1),
        },
      ],
    });
    expect(grouped(left!)).toEqual([
      [1n, 2n],
      [3n, 4n],
    ]);
    expect([...stock!.validity!]).toEqual([1, 0, 1, 1]);
  });

  test("lists of other lengths are refused by row", async () => {
    const rows = rootRows(2);
    const input = [lists("int64", [[1n], [2n, 3n]], rows)];
    await expect(run("explode", step, { input, with: [lists("float32", [[1], [2]], rows)] })).rejects.toThrow(
      "row 1: column `scores` has 1 values and `ids` 2; lists that are exploded together have equally many.",
    );
  });
});
