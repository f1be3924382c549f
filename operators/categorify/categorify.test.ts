import { expect, test } from "vitest";
import { differentCase, testAsOriginal } from "../../tests/runtime/etl/as-original.js";

const answers = testAsOriginal("categorify");

test("a null inside a list is a null, id 1: NVTabular calls it out of vocabulary", async () => {
  const one = differentCase("null inside a list");
  expect(one.expected.x).toEqual([
    [3, 2],
    [4, 3],
  ]);
  const { kernels, sql } = await answers(one);
  expect(kernels.x).toEqual([
    [3, 1],
    [4, 3],
  ]);
  expect(sql).toEqual(kernels);
});
