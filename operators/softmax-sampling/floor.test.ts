// The option `minPropensity`: a million draws, the floor itself, and draws of infinite and of far scores.
import { expect, test } from "vitest";
import { chiSquare, countLists } from "../../tests/operators/count-lists.js";

test("a million draws: each list as often as its probability says", async () => {
  const params = { topk: 3, temperature: 1.5, minPropensity: 0.05 };
  const lists = await countLists("softmaxSampling", params, [0.4, 1.2, -0.3, 0.9]);
  expect(lists).toHaveLength(24);
  expect(lists.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
  // 99.9 % point of chi-square with 23 degrees of freedom.
  expect(chiSquare(lists)).toBeLessThan(49.73);
}, 60_000);
