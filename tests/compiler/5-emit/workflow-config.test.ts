/** The configuration of a fitted workflow's model: each tensor once, whatever columns are called. */
import { expect, test } from "vitest";
import { workflowConfig } from "#compiler/5-emit/merlon/workflow-model.js";
import { workflowPlan } from "../../runtime/etl/workflow-plan.js";

const NO_LIMIT = { min: 0 };

test("a column called like another's marks keeps its name, and that other is not marked", () => {
  const plan = workflowPlan({ a: "float32", a__validity: "float32", b: "float32[3]" }, [
    { op: "clip", params: NO_LIMIT, columns: ["a", "a__validity"] },
  ]);
  const { input, output } = workflowConfig(plan, 128);
  const names = ["a", "a__validity", "b", "a__validity__validity", "b__validity"];
  expect(input!.map(({ name }) => name)).toEqual(names);
  expect(output!.map(({ name }) => name)).toEqual(names);
});

test("marks have the shape of their column's values", () => {
  const plan = workflowPlan({ a: "float32", b: "float32[3]", c: "list<int64>" }, [
    { op: "clip", params: NO_LIMIT, columns: ["a"] },
  ]);
  const dims = (maxBatchSize: number) =>
    Object.fromEntries(
      workflowConfig(plan, maxBatchSize)
        .input!.filter(({ optional }) => optional)
        .map(one => [one.name, one.dims]),
    );
  // Lists of any length have no batch dimension.
  expect(dims(128)).toEqual({ a__validity: [-1], b__validity: [-1, 3], c__validity: [-1] });
});
