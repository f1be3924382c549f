/**
 * Cases of several operators, and of those without a test of their own, by every way against what NVTabular 23.08 (for hashes: pandas) answered.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { answersEveryWay, differentCase, expectAsOriginal, isOf } from "./as-original.js";
import { readCases } from "./nvtabular-cases.js";

const answers = answersEveryWay();

/** Whether the test beside the operator runs its cases. */
function runsBeside(op: string): boolean {
  const folder = op.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
  const file = fileURLToPath(new URL(`../../../operators/${folder}/${folder}.test.ts`, import.meta.url));
  return existsSync(file) && readFileSync(file, "utf8").includes(`testAsOriginal("${op}")`);
}
const BESIDE = new Map(
  readCases("cases.json").flatMap(({ links }) => links.map(({ op }) => [op, runsBeside(op)] as const)),
);
const CASES = readCases("cases.json").filter(one => !one.links.some(({ op }) => isOf(op, one) && BESIDE.get(op)));

describe("answers as the original", () => {
  test.each(CASES)("$name", async one => {
    await expectAsOriginal(one, await answers(one));
  });
});

describe("where Merlon differs on purpose", () => {
  test("a bucket depends on the value alone: NVTabular's CPU hash mixes the row number in", async () => {
    const one = differentCase("hashBucket depends on the row");
    const acme = [0, 2, 4];
    expect(new Set(acme.map(row => one.expected.x![row])).size, "NVTabular").toBe(3);
    const { kernels, sql } = await answers(one);
    expect(new Set(acme.map(row => kernels.x![row])).size).toBe(1);
    expect(sql).toEqual(kernels);
  });

  test("times are distinguished to the nanosecond: NVTabular's shifted column is float64, in which they are equal", async () => {
    const one = differentCase("differenceLag/of nanoseconds, which float64 cannot tell apart");
    expect(one.expected.t_difference_lag_1![1], "NVTabular").toBe(0);
    const { kernels, sql } = await answers(one);
    expect(kernels.t_difference_lag_1![1]).toBe(3);
    expect(sql).toEqual(kernels);
  });

  test("what dropna leaves is grouped by its own keys: NVTabular takes them from before", async () => {
    const one = differentCase("groupby after dropna");
    expect(one.expected.x_list, "NVTabular").toEqual([
      [1, 6, null],
      [2, null],
    ]);
    const { kernels, sql, served } = await answers(one);
    expect(kernels).toEqual({
      g: ["a", "b"],
      x_list: [
        [1, 6],
        [2, 5],
      ],
      x_sum: [7, 7],
    });
    expect(sql).toEqual(kernels);
    expect(served).toEqual(kernels);
  });

  test("clip keeps an integer column integers within the bounds: NVTabular makes it float64", async () => {
    const one = differentCase("clip of integers by fractions");
    expect(one.expected.x).toEqual([1.5, 1.5, 2, 3, 3.5]);
    const { kernels, sql } = await answers(one);
    expect(kernels.x).toEqual([2, 2, 2, 3, 3]);
    expect(sql).toEqual(kernels);
  });
});
