/** Kernels that look rows up count those with a match: a join that never has one is noticed (`empty-stages.ts`). */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FittedStep } from "#contract/plan.js";
import { printFittedTable } from "#operators/shared/kernel/fitted-table.js";
import { column, context, makeStep, noModels, prepareKernel, scalars } from "./step.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-joins-"));
const keys = scalars("int64", [1, 2, 3]);
const counts = scalars("int32", [4, 5, 6]);
const table = { "key 0": keys, item_count: counts };
writeFileSync(join(folder, "joined.arrow"), printFittedTable(table));

const steps = {
  joinExternal: makeStep("joinExternal", {
    params: { path: "joined.parquet", on: ["item"], onExternal: ["item"], columns: { item_count: "int32" } },
    inputs: { input: ["item"] },
    outputs: [column("item", "int64"), column("item_count", "int32")],
  }),
  joinGroupby: makeStep("joinGroupby", {
    params: { groups: [["item"]], stats: ["count"] },
    inputs: { input: ["item"] },
    outputs: [column("item_count", "int32")],
  }),
};
const states = {
  joinExternal: { table: "joined.arrow" },
  joinGroupby: { groups: [{ columns: ["item"], table: "joined.arrow" }] },
};

test.each(["joinExternal", "joinGroupby"] as const)(
  "%s counts the rows that it looked up and those it found",
  async op => {
    const step = { ...steps[op], state: states[op] } as unknown as FittedStep;
    const kernel = await prepareKernel(step, { folder, models: noModels });
    await kernel.run({ input: [scalars("int64", [1, 9, 3, 9])] }, context());
    await kernel.run({ input: [scalars("int64", [8])] }, context());
    expect(kernel.joins).toEqual([{ name: "s1", rows: 5, matched: 2 }]);
  },
);
