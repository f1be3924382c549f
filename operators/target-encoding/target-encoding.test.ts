import { join } from "node:path";
import { expect, test } from "vitest";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { differentCase, testAsOriginal } from "../../tests/runtime/etl/as-original.js";
import { fitCells, inFolder, throughKernels } from "../../tests/runtime/etl/run-workflow.js";
import { withDuckDB } from "../../tests/runtime/etl/table-values.js";
import { workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

const answers = testAsOriginal("targetEncoding");

test("a null key has the mean of its rows: NVTabular takes its count for 0", async () => {
  const one = differentCase("targetEncoding of null");
  expect(one.expected.TE_g_y![1], "NVTabular").toBe(1);
  const { kernels, sql } = await answers(one);
  // (1 + 2 · 0.5) / (2 + 2)
  expect(kernels.TE_g_y).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect(sql.TE_g_y).toEqual(kernels.TE_g_y);
});

test("null targets are left out of means: NVTabular divides by all rows of the key", async () => {
  const encoded = await answers(differentCase("targetEncoding of null targets"));
  // The mean of the five targets is 3.3: (4 + 2 · 3.3) / (2 + 2), and so on.
  const encodings = [2.65, 3.3, 4.15, 9.1 / 3].map(Math.fround);
  expect([0, 3, 5, 7].map(row => encoded.kernels.TE_g_y![row])).toEqual(encodings);
  expect(encoded.sql.TE_g_y).toEqual(encoded.kernels.TE_g_y);
});

test("a fitted target encoding needs no target, which NVTabular needs in every request", async () => {
  await inFolder(async folder => {
    const one = differentCase("targetEncoding by the place of a row");
    const fitted = await fitCells(folder, workflowPlan(one.types, one.links), one.fit);
    const plan = {
      ...fitted,
      inputs: fitted.inputs.filter(col => col.name !== "y"),
      outputs: fitted.outputs.filter(output => output.schema.name !== "y"),
    };
    expect(await throughKernels(folder, plan, { g: ["a", "b"] })).toMatchObject({ TE_g_y: [0.5, 0.5] });
  });
});

const PLAN = workflowPlan({ g: "string", y: "float64" }, [
  { op: "targetEncoding", columns: ["g"], ports: { target: ["y"] }, params: { pSmooth: 2 } },
]);

/** Fits on two keys with these targets, as SQL. */
const fitOn = (targets: readonly string[]) =>
  inFolder(async folder => {
    const file = join(folder, "a.parquet");
    const rows = targets.map((y, i) => `SELECT 'g${i % 2}' AS g, ${y}::DOUBLE AS y`).join(" UNION ALL ");
    await withDuckDB(query => query(`COPY (${rows}) TO '${file}' (FORMAT parquet)`));
    return fitWorkflow(PLAN, file, { folder });
  });

test.each([["'inf'"], ["'-inf'"]])("a target of %s is refused: its mean would be infinite", async value => {
  await expect(fitOn(["1", value, "2", "3"])).rejects.toThrow(
    /step `targetEncoding_0` \(targetEncoding\): target `y` has 1 infinite values, which have no statistics\. Put `clip` before it/,
  );
});
