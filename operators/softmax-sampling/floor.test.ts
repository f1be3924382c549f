// The option `minPropensity`: a million draws, the floor itself, and draws of infinite and of far scores.
import { expect, test } from "vitest";
import { weightedNext } from "#operators/softmax-sampling/kernel-weighted-next.js";
import { chiSquare, countLists } from "../../tests/operators/count-lists.js";

test("a million draws: each list as often as its probability says", async () => {
  const params = { topk: 3, temperature: 1.5, minPropensity: 0.05 };
  const lists = await countLists("softmaxSampling", params, [0.4, 1.2, -0.3, 0.9]);
  expect(lists).toHaveLength(24);
  expect(lists.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
  // 99.9 % point of chi-square with 23 degrees of freedom.
  expect(chiSquare(lists)).toBeLessThan(49.73);
}, 60_000);

test("a candidate that the weights never draw is drawn as often as the floor says", async () => {
  const lists = await countLists("softmaxSampling", { topk: 1, temperature: 20, minPropensity: 0.01 }, [0, 100, -100]);
  expect(lists.map(({ places, each }) => [places[0], each[0]]).sort()).toEqual([
    [0, expect.closeTo(0.01, 14)],
    [1, expect.closeTo(0.98, 14)],
    [2, expect.closeTo(0.01, 14)],
  ]);
  // 99.9 % point of chi-square with 2 degrees of freedom.
  expect(chiSquare(lists)).toBeLessThan(13.82);
}, 60_000);

test("the next place is one that is left and has weight, first and last ones by their order", () => {
  const { POSITIVE_INFINITY: most, NEGATIVE_INFINITY: least } = Number;
  const scores = Float64Array.from([least, 0, most, -1e4, least, most]);
  const next = weightedNext(scores, scores.length, 1);
  const isTaken = new Uint8Array(scores.length);
  const places = scores.map(() => {
    const place = next(isTaken, 0.999999999);
    isTaken[place] = 1;
    return place;
  });
  expect([...places]).toEqual([2, 5, 1, 3, 0, 4]);
});
