import { expect, test } from "vitest";
import { order, testOrderingEdges } from "../../tests/operators/order.js";

testOrderingEdges("topK");

test("best first, ties by position, users apart, fewer than k, none", async () => {
  expect(await order("topK", { topk: 2 }, [[1, 2, 3], [4], []], [[0.5, 2, 0.5], [-1], []])).toEqual([[2, 1], [4], []]);
});
test("a missing score names the candidate and its user", async () => {
  await expect(order("topK", {}, [[1], [7, 8]], [[1], [1, null]])).rejects.toThrow(
    "column `score` has no score for candidate 1 (`item_id` 8) of row 1",
  );
});
