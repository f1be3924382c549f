import fc from "fast-check";
import { expect, test } from "vitest";
import { fitCells, inFolder, throughKernels } from "../../tests/runtime/etl/run-workflow.js";
import type { Cells } from "../../tests/runtime/etl/table-values.js";
import { outputSchema, workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

/** The medians in the schema of the fitted workflow, and its answer. */
const fitted = (types: Readonly<Record<string, string>>, cells: Cells) =>
  inFolder(async folder => {
    const plan = await fitCells(folder, workflowPlan(types, [{ op: "median" }]), cells);
    const medians = Object.keys(types).map(name => outputSchema(plan, name).properties.median);
    return { medians, answer: await throughKernels(folder, plan, cells) };
  });

test("random columns, against the middle of the sorted values", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 9 }), async values => {
      const sorted = values.toSorted((a, b) => a - b);
      const [low, high] = [sorted[(values.length - 1) >> 1]!, sorted[values.length >> 1]!];
      const { medians } = await fitted({ i: "int32", f: "float64" }, { i: values, f: values });
      expect(medians).toEqual([low, (low + high) / 2]);
    }),
    { numRuns: 10 },
  );
});
