import { expect, test } from "vitest";
import { testAsOriginal } from "../../tests/runtime/etl/as-original.js";
import { workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

testAsOriginal("dropLowCardinality");

/** Columns that are left of `x`, described thus, and `other`. */
const left = (tags: readonly string[], domain: unknown, minCardinality?: number) =>
  workflowPlan({ x: "int64", other: "int64" }, [
    { op: "addTags", params: { tags }, columns: ["x"] },
    { op: "addProperties", params: { properties: { domain } }, columns: ["x"] },
    {
      op: "dropLowCardinality",
      columns: ["x", "other"],
      params: minCardinality === undefined ? {} : { minCardinality },
    },
  ]).steps[2]!.outputs.map(({ name }) => name);

test("the largest id decides, 4 by default", () => {
  expect(left(["categorical"], { min: 0, max: 3 })).toEqual(["other"]);
  expect(left(["categorical"], { min: 0, max: 4 })).toEqual(["x", "other"]);
  expect(left(["categorical"], { min: 0, max: 9 }, 10)).toEqual(["other"]);
  expect(left(["categorical"], { min: 0, max: 0 }, 0)).toEqual(["x", "other"]);
});

test.each([-1, 1.5])("%d ids is refused", minCardinality => {
  expect(() => left(["categorical"], {}, minCardinality)).toThrow(/minCardinality/);
});
