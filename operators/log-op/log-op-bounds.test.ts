// The logarithm behind operators that bound its column: SQL leaves out what a bound excludes, and gives what the kernel gives.
import { expect, test } from "vitest";
import { fitCells, inFolder, throughKernels, throughSql } from "../../tests/runtime/etl/run-workflow.js";
import type { Cell } from "../../tests/runtime/etl/table-values.js";
import { type Link, workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

/** The two bounds within which a float64 is -1 in float32, and their neighbors. */
const AROUND_MINUS_ONE = [-1 - 2 ** -24, -1 + 2 ** -25].flatMap(x => [x - 2 ** -52, x, x + 2 ** -53]);

const clip = (min?: number, max?: number): Link => ({
  op: "clip",
  params: { ...(min !== undefined && { min }), ...(max !== undefined && { max }) },
});
const fill = (fillValue: number): Link => ({ op: "fillMissing", params: { fillValue } });

/** Bounds that leave odd values, and others that leave none. */
const CHAINS: readonly (readonly Link[])[] = [
  ...[0, -1, -2, ...AROUND_MINUS_ONE].map(min => [clip(min)]),
  ...[-2, 900, 3.4028235677973366e38].map(max => [clip(undefined, max)]),
  ...[0, -1, AROUND_MINUS_ONE[5]!].map(min => [clip(min, 3e38)]),
  // No integer is between these.
  [clip(0.2, 0.8)],
  [clip(0, 900), fill(-1)],
  [clip(0, 900), fill(7)],
  [fill(-5), clip(0, 900)],
  [clip(0, 900), clip(-7, -1)],
  [clip(-7, -1), clip(0)],
];

/** Near -1, and -1 itself in float32. */
const BESIDE_MINUS_ONE = -1 + 2 ** -30;

test.each(["float64", "float32", "int32", "int64"] as const)("in SQL, behind bounds, %s as the kernel", async dtype => {
  const values = dtype.startsWith("float") ? [...AROUND_MINUS_ONE, 0.5, 1e300, "inf", "-inf"] : [2147483647];
  const x = [...values, -2, -1, -0, 0, 899, 901, null];
  const float = (value: Cell) => (dtype === "float32" && typeof value === "number" ? Math.fround(value) : value);
  const fractions = dtype.startsWith("float") ? [[clip(0, 900), fill(BESIDE_MINUS_ONE)]] : [];
  for (const chain of [...CHAINS, ...fractions, [clip(BESIDE_MINUS_ONE, 900)]])
    await inFolder(async folder => {
      const cells = { x: x.map(float) };
      const plan = await fitCells(folder, workflowPlan({ x: dtype }, [...chain, { op: "logOp" }]), cells);
      const made = await throughSql(folder, plan, cells);
      expect(made.cells, JSON.stringify(chain)).toEqual(await throughKernels(folder, plan, cells));
    });
});
