import { expect, test } from "vitest";
import { outputSchema, workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

const TYPES = { price: "float32", ids: "list<int64>", at: "timestamp<ms>" };
const add = (properties: object) => ({ op: "addProperties" as const, params: { properties } });

// merlin-core's `ColumnSchema.with_properties`: `{**self.properties, **properties}`.
test("the last property of a name wins, whole; others stay, and so does what the column is", () => {
  const plan = workflowPlan(TYPES, [
    { op: "addTags", params: { tags: ["continuous"] } },
    add({ domain: { min: 0, max: 5, name: "price" }, note: ["a", null, { x: 1.5 }] }),
    add({ domain: { min: 1 } }),
  ]);
  const said = { domain: { min: 1 }, note: ["a", null, { x: 1.5 }] };
  expect(outputSchema(plan, "price")).toMatchObject({ dtype: "float32", tags: ["continuous"], properties: said });
  expect(outputSchema(plan, "ids")).toMatchObject({ dtype: "int64", list: { min: 0, max: null }, properties: said });
  expect(outputSchema(plan, "at").properties).toEqual({ ...plan.inputs[2]!.properties, ...said });
});

test("what JSON has no word for is refused", () => {
  expect(() => workflowPlan(TYPES, [add({ at: new Date(0) })])).toThrow(/properties/);
});
