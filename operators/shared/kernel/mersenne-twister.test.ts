// MT19937 by the numbers that its standard names, and folds as numpy deals them.
import { expect, test } from "vitest";
import { foldDealer, mersenneTwister } from "#operators/shared/kernel/mersenne-twister.js";

test("the numbers of C++'s `std::mt19937`, whose 10,000th is in its standard", () => {
  const draw = mersenneTwister(5489);
  const drawn = Array.from({ length: 10_000 }, draw);
  expect(drawn.slice(0, 5)).toEqual([3_499_211_612, 581_869_302, 3_890_346_734, 3_586_334_585, 545_404_204]);
  expect(drawn.at(-1)).toBe(4_123_659_995);
});

test.each([
  [42, 5, [3, 4, 2, 4, 4, 1, 2, 2, 2, 4, 3, 2, 4, 1, 3, 1, 3, 4, 0, 3, 1, 4, 3, 0]],
  [0, 3, [0, 1, 0, 1, 1, 2, 0, 2, 0, 0, 0, 2, 1, 2, 2, 0, 1, 1, 1, 1, 0, 1, 0, 0]],
  [7, 8, [7, 4, 1, 6, 3, 3, 7, 7, 4, 1, 6, 7, 0, 1, 6, 2, 2, 0, 7, 6, 4, 0, 7, 7]],
  [1, 1, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  [123456, 7, [1, 2, 2, 1, 0, 3, 3, 3, 0, 4, 0, 2, 2, 4, 3, 4, 3, 2, 6, 6, 2, 6, 6, 2]],
  [4294967295, 100, [35, 34, 12, 71, 52, 64, 86, 89, 32, 11, 74, 27, 13, 54, 87, 55, 86, 14, 37, 73, 9, 89, 44, 24]],
])("numpy's `RandomState(%i).choice(%i, 24)`", (seed, folds, expected) => {
  const deal = foldDealer(folds, seed);
  expect(expected.map((_, row) => deal(row))).toEqual(expected);
});
