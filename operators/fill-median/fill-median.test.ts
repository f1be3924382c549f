import { expect, test } from "vitest";
import { differentCase, testAsOriginal } from "../../tests/runtime/etl/as-original.js";

const answers = testAsOriginal("fillMedian");

test("the median of integers is one of them: NVTabular turns the column into fractions", async () => {
  const one = differentCase("median of an even count of integers");
  expect(one.expected.x).toEqual([2.5, 7]);
  const { kernels, sql } = await answers(one);
  expect(kernels.x).toEqual([2, 7]);
  expect(sql).toEqual(kernels);
});
