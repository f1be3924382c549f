import { describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { column, lists, run } from "../../tests/operators/step.js";

const step = {
  params: { name: "candidate_ids" },
  inputs: { input: ["ids"], with: ["scores"] },
  outputs: [column("candidate_ids", "int64", { rows: "s1" }), column("scores", "float32", { rows: "s1" })],
} as const;

describe("explode with lists beside the candidates", () => {
  test("lists of other lengths are refused by row", async () => {
    const rows = rootRows(2);
    const input = [lists("int64", [[1n], [2n, 3n]], rows)];
    await expect(run("explode", step, { input, with: [lists("float32", [[1], [2]], rows)] })).rejects.toThrow(
      "row 1: column `scores` has 1 values and `ids` 2; lists that are exploded together have equally many.",
    );
  });
});
