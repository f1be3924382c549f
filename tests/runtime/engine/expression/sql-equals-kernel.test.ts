// Functions and filters through `merlon transform` and through the kernels, on the same random rows: the same columns.
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import type { Expression } from "#contract/expression.js";
import { type Plan, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { inFolder, throughSql } from "../../etl/run-workflow.js";
import { fromColumn, toColumn } from "../../etl/table-values.js";
import { schemaOf } from "../../etl/workflow-plan.js";
import { cells } from "./random-cells.js";
import { COLUMNS, DTYPES, type Kind, randomFunction } from "./random-function.js";
import { readFunction } from "./read-function.js";

const NAMES = Object.keys(COLUMNS);
const FILTER = "(a, s, f) => f || (a ?? 0) > 0 || s?.length > 2";

/** `filter`, then each function on the remaining rows; its input columns are copied. */
function planOf(functions: readonly { kind: Kind; text: string }[]): Plan {
  const inputs = schemaOf(COLUMNS);
  const refs = (step: string) => NAMES.map(name => ({ name, step, column: name }));
  const kept = inputs.map(c => ({ ...c, rows: "kept" }));
  const outputs = functions.map(({ kind }, i) => column(`out${i}`, DTYPES[kind], { rows: "kept" }));
  const expression = (text: string): Expression => readFunction(text, COLUMNS);
  const plan = {
    format: "merlon/plan",
    version: 1,
    kind: "workflow",
    name: "functions",
    inputs,
    steps: [
      {
        id: "kept",
        op: "filter",
        label: "kept",
        params: { text: FILTER, condition: expression(FILTER) },
        inputs: { input: refs("request") },
        outputs: kept,
      },
      ...functions.map(({ text }, i) => ({
        id: `f${i}`,
        op: "lambdaOp",
        label: `f${i}`,
        params: { text, expressions: { [`out${i}`]: expression(text) } },
        inputs: { input: refs("kept") },
        outputs: [outputs[i]],
      })),
      {
        id: "whole",
        op: "lambdaOp",
        label: "whole",
        params: { text: "x => x", expressions: { big: expression("(big) => big * 1.5") }, dtype: "int64" },
        inputs: { input: [{ name: "big", step: "kept", column: "big" }] },
        outputs: [column("big", "int64", { rows: "kept" })],
      },
    ],
    outputs: [
      ...["a", "s", "ids"].map(name => ({
        ref: { name, step: "kept", column: name },
        schema: kept.find(c => c.name === name),
      })),
      ...outputs.map((schema, i) => ({ ref: { name: schema.name, step: `f${i}`, column: schema.name }, schema })),
      { ref: { name: "big", step: "whole", column: "big" }, schema: column("big", "int64", { rows: "kept" }) },
    ],
  };
  return parsePlan(JSON.stringify(plan), "test plan");
}

test("offline is online", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(randomFunction, { minLength: 8, maxLength: 8 }), cells(40), async (functions, given) => {
      // A row that the condition keeps, so that the table is never empty.
      given.a![0] = 7;
      const plan = planOf(functions);
      await inFolder(async folder => {
        // Nothing learns here, so the plan is a fitted one as it is.
        await writeFittedWorkflow(join(folder, "fitted"), async () => plan);
        const { cells: offline } = await throughSql(folder, plan, given);
        const executable = await preparePlan(fittedPlan(plan), {
          folder,
          models: { describe: () => Promise.reject(new Error()), infer: () => Promise.reject(new Error()) },
        });
        const rows = rootRows(40);
        const columns = new Map(plan.inputs.map(col => [col.name, toColumn(col, given[col.name]!, rows)]));
        const result = await executable.run(columns, { seed: 0n, parameters: new Map() });
        const online = Object.fromEntries([...result.columns].map(([name, col]) => [name, fromColumn(col)]));
        expect(offline).toEqual(online);
        expect(online.a!.length).toBeGreaterThan(0);
      });
    }),
    { numRuns: 12, seed: 20_261_124, endOnFailure: true },
  );
}, 120_000);
