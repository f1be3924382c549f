import { expect, test } from "vitest";
import { testAsNvtabular } from "../../tests/operators/as-nvtabular.js";
import { fitCells, inFolder, throughKernels, throughSql } from "../../tests/runtime/etl/run-workflow.js";
import { workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

testAsNvtabular("logOp");

/** The two bounds within which a float64 is -1 in float32, and their neighbors. */
const AROUND_MINUS_ONE = [-1 - 2 ** -24, -1 + 2 ** -25].flatMap(x => [x - 2 ** -52, x, x + 2 ** -53]);

test.each([
  ["float64", [...AROUND_MINUS_ONE, -1, -2, -0, 0, 1e300, -1e300, "inf", "-inf", null]],
  ["float32", [-1, -1 + 2 ** -24, -1 - 2 ** -23, -2, -0, 0, 3.4e38, "inf", "-inf", null]],
  ["int32", [-1, -2, 0, 16777217, 33554435, 2147483647, -2147483648, null]],
  ["uint8", [0, 1, 255, null]],
  ["uint32", [0, 16777217, 4294967295, null]],
  ["int64", [-1, -2, 0, "9007199791611905", "9223372036854775807", null]],
] as const)("in SQL, rounds the edges of %s as the kernel", async (dtype, x) => {
  await inFolder(async folder => {
    const plan = await fitCells(folder, workflowPlan({ x: dtype }, [{ op: "logOp" }]), { x });
    const { cells } = await throughSql(folder, plan, { x });
    expect(cells).toEqual(await throughKernels(folder, plan, { x }));
  });
});
