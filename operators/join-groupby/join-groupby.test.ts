import { expect, test } from "vitest";
import { differentCase, testAsOriginal } from "../../tests/runtime/etl/as-original.js";
import { fitCells, inFolder } from "../../tests/runtime/etl/run-workflow.js";
import { workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

const answers = testAsOriginal("joinGroupby");

test("a null key joins its rows' statistics: NVTabular divides by a count of 0", async () => {
  const one = differentCase("joinGroupby of null");
  expect([one.expected.g_count![1], one.expected.g_x_mean![1]], "NVTabular").toEqual([0, "inf"]);
  const { kernels, sql } = await answers({ ...one, request: { g: ["a", null, "new"], x: [0, 0, 0] } });
  expect(kernels).toMatchObject({ g_count: [2, 2, 0], g_x_mean: [3, 3, null] });
  expect(sql).toEqual(kernels);
});

test("null values are left out of statistics: NVTabular divides by all rows of the key", async () => {
  const joined = differentCase("joinGroupby of null values");
  expect(joined.expected.g_x_mean!.slice(0, 4), "NVTabular").toEqual([1, 1, 1, 0]);
  const found = await answers(joined);
  const byKey = (name: string) => [0, 3, 5, 7].map(row => found.kernels[name]![row]);
  expect(byKey("g_count")).toEqual([4, 2, 2, 1]);
  expect(byKey("g_x_sum")).toEqual([4, null, 10, 2.5]);
  expect(byKey("g_x_mean")).toEqual([2, null, 5, 2.5]);
  expect(byKey("g_x_var")).toEqual([2, null, 2, null]);
  expect(byKey("g_x_std")).toEqual([Math.fround(Math.SQRT2), null, Math.fround(Math.SQRT2), null]);
  expect(found.sql).toEqual(found.kernels);
});

test("infinite values have no mean and are refused, and have extremes", async () => {
  const cells = { g: ["a", "a"], x: ["Infinity", 1] };
  const fitted = (stats: readonly string[]) =>
    inFolder(folder =>
      fitCells(
        folder,
        workflowPlan({ g: "string", x: "float64" }, [
          { op: "joinGroupby", columns: ["g"], ports: { of: ["x"] }, params: { stats } },
        ]),
        cells,
      ),
    );
  await expect(fitted(["mean"])).rejects.toThrow(/\(joinGroupby\): column `x` has 1 infinite values/);
  await expect(fitted(["min", "max"])).resolves.toBeDefined();
});
