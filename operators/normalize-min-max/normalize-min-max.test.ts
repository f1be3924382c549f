import { expect, test } from "vitest";
import { differentCase, testAsOriginal } from "../../tests/runtime/etl/as-original.js";

const answers = testAsOriginal("normalizeMinMax");

test("a constant becomes 0.5, at zero too: NVTabular divides zero by zero", async () => {
  const one = differentCase("min-max of a constant zero");
  expect(one.expected.x).toEqual([null, null]);
  const { kernels, sql } = await answers(one);
  expect(kernels.x).toEqual([0.5, 0.5]);
  expect(sql).toEqual(kernels);
});
