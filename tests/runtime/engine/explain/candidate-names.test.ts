/** Stories of candidates have the names that a column of their rows has. */
import { expect, test } from "vitest";
import type { Plan } from "#contract/plan.js";
import type { Column, Rows } from "#runtime/base/columns/table.js";
import { explainCandidates } from "#runtime/engine/explain/explain-candidates.js";

const users: Rows = { count: 2 };
const rows: Rows = { count: 3, parent: users, offsets: Int32Array.of(0, 2, 3) };
const output = (name: string, dtype: string, tags: string[] = []) => ({ name, dtype, rows: "near", list: null, tags });
const ids: Column = { dtype: "int64", rows, values: BigInt64Array.of(7n, 8n, 7n) };

/** A search, and a look-up of its rows. @param made the columns of the second */
const told = (made: Readonly<Record<string, Column>>) => {
  const input = [{ step: "near", column: "ids" }];
  const plan = {
    outputs: ["near", "items"].map(step => ({ ref: { step, column: "any" } })),
    steps: [
      {
        id: "near",
        label: "near",
        op: "queryFaiss",
        params: {},
        inputs: { input: [] },
        outputs: [output("ids", "int64", ["id"])],
      },
      {
        ...{ id: "items", label: "items", op: "queryFeast", params: {}, inputs: { input } },
        outputs: Object.entries(made).map(([name, { dtype }]) => output(name, dtype)),
      },
    ],
  } as unknown as Plan;
  const columnOf = (step: string, column: string) => (step === "near" ? ids : made[column]);
  return explainCandidates(plan, { columnOf, fallbacks: new Set() } as never).map(row => row.map(story => story.name));
};
const texts = (...values: string[]): Column => ({ dtype: "string", rows, values });

test("a text called name or title, where it is not null", () => {
  expect(told({ item_name: texts("tent", "stove", "tent") })).toEqual([["tent", "stove"], ["tent"]]);
  expect(told({ title: { ...texts("tent", "", "tent"), validity: Uint8Array.of(1, 0, 1) } })).toEqual([
    ["tent", undefined],
    ["tent"],
  ]);
});

test("no other column, and no number", () => {
  const none = [[undefined, undefined], [undefined]];
  expect(told({ item_names: texts("a", "b", "c"), rename: texts("a", "b", "c") })).toEqual(none);
  expect(told({ name: { dtype: "int32", rows, values: Int32Array.of(1, 2, 3) } })).toEqual(none);
});
