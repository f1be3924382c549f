import { expect, test } from "vitest";
import { differentCase, testAsOriginal } from "../../tests/runtime/etl/as-original.js";
import { expectClose } from "../../tests/runtime/etl/nvtabular-cases.js";

const answers = testAsOriginal("normalize");

test("the deviation of numbers far from zero is right: NVTabular's sum of squares cancels out", async () => {
  const one = differentCase("normalize far from zero");
  const { kernels, sql } = await answers(one);
  // Mean -4/3 and variance 151/3 about 10^12, by hand; float64 has steps of 1.2e-4 there.
  const byHand = [0, 5, -9].map(x => (x + 4 / 3) / Math.sqrt(151 / 3));
  expectClose(kernels.x!, byHand, 1e-4, "kernel");
  expectClose(sql.x!, byHand, 1e-4, "SQL");
  expect(Math.abs((one.expected.x![0] as number) - byHand[0]!), "NVTabular").toBeGreaterThan(0.5);
});
