// Random functions as ONNX graphs and through the kernels, on the same random rows: the same columns. An operator without a lowering has a
// reason.
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import { type Plan, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { cells } from "../../../runtime/engine/expression/random-cells.js";
import { COLUMNS, DTYPES, randomFunction } from "../../../runtime/engine/expression/random-function.js";
import { readFunction } from "../../../runtime/engine/expression/read-function.js";
import { expectCells, lowerWorkflow } from "../../../runtime/etl/run-onnx.js";
import { fromColumn, toColumn } from "../../../runtime/etl/table-values.js";
import { schemaOf } from "../../../runtime/etl/workflow-plan.js";
import { startPythonOnnx } from "./python-onnx.js";

const python = startPythonOnnx();
afterAll(() => python.stop());

const ROWS = 40;

function planOf(
  { kind, text }: { readonly kind: keyof typeof DTYPES; readonly text: string },
  types: Readonly<Record<string, string>> = COLUMNS,
): Plan {
  const out = column("out", DTYPES[kind]);
  const refs = Object.keys(types).map(name => ({ name, step: "request", column: name }));
  const plan = {
    format: "merlon/plan",
    version: 1,
    kind: "workflow",
    name: "functions",
    inputs: schemaOf(types),
    steps: [
      {
        id: "f",
        op: "lambdaOp",
        label: "f",
        params: { text, expressions: { out: readFunction(text, types) } },
        inputs: { input: refs },
        outputs: [out],
      },
    ],
    outputs: [{ ref: { name: "out", step: "f", column: "out" }, schema: out }],
  };
  return parsePlan(JSON.stringify(plan), "test plan");
}

test("a graph means what the kernel means", async () => {
  const [given] = fc.sample(cells(ROWS), { numRuns: 1, seed: 7 });
  const functions = fc.sample(randomFunction, { numRuns: 240, seed: 20_261_124 });
  const models = { describe: () => Promise.reject(new Error()), infer: () => Promise.reject(new Error()) };
  let lowered = 0;
  for (const one of functions) {
    const plan = planOf(one);
    const graph = lowerWorkflow(".", plan);
    if ("refused" in graph) {
      expect([one.text, graph.refused]).toEqual([
        one.text,
        expect.stringMatching(/^step `f` \(lambdaOp\) can't be lowered to ONNX: /),
      ]);
      continue;
    }
    lowered++;
    const executable = await preparePlan(fittedPlan(plan), { folder: ".", models });
    const rows = rootRows(ROWS);
    const columns = new Map(plan.inputs.map(col => [col.name, toColumn(col, given![col.name]!, rows)]));
    const result = await executable.run(columns, { seed: 0n, parameters: new Map() });
    const kernels = Object.fromEntries([...result.columns].map(([name, col]) => [name, fromColumn(col)]));
    try {
      expectCells(await graph.run(given!), kernels, 1e-9);
      expectCells(await graph.runElsewhere(python, given!), kernels, 1e-9);
    } catch (error) {
      throw new Error(`${one.text}\n${(error as Error).message}`);
    }
  }
  expect(lowered).toBeGreaterThan(50);
}, 120_000);
