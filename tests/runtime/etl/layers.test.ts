/** The views that a workflow's columns are read from. */
import { expect, test } from "vitest";
import { fittedStep } from "#contract/any-step.js";
import { type AnyStep, REQUEST_STEP } from "#contract/plan.js";
import type { DataSource } from "#runtime/etl/data-source.js";
import type { Engine } from "#runtime/etl/engine.js";
import { openLayers } from "#runtime/etl/layers.js";
import type { Lookups } from "#runtime/etl/lookups.js";
import { duckdbSql } from "#runtime/etl/sql/duckdb-dialect.js";
import { type Link, workflowPlan } from "./workflow-plan.js";

const engine: Engine = {
  sql: duckdbSql,
  run: async () => {},
  rows: () => Promise.reject(new Error("nothing is read")),
  packed: () => Promise.reject(new Error("nothing is read")),
};
const lookups = { places: () => "" } as unknown as Lookups;
const source: DataSource = {
  files: ["data.parquet"],
  format: "parquet",
  relation: "data",
  expressions: ["price", "brand"],
  place: ["file_row_number"],
  rows: 3,
  dictionaries: new Set(),
  smallDictionaries: new Set(),
};

test("a column is read from the lowest view that has it with the rows of the topmost", async () => {
  const plan = workflowPlan({ price: "float32", brand: "string" }, [
    { op: "fillMissing", params: { fillValue: 0 }, columns: ["price"] },
    { op: "logOp", columns: ["price"] },
    { op: "dropna", columns: ["price", "brand"] },
  ]);
  const [fill, log, drop] = plan.steps;
  const layers = await openLayers(engine, source, plan.inputs, lookups);
  const brand = layers.find({ step: REQUEST_STEP, column: "brand" })!;
  await layers.add([fittedStep(fill!)]);
  await layers.add([fittedStep(log!)]);
  const filled = layers.find({ step: fill!.id, column: fill!.outputs[0]!.name })!;
  const logs = layers.find({ step: log!.id, column: log!.outputs[0]!.name })!;
  expect([brand, filled, logs].map(col => layers.viewOf([col]))).toEqual(["merlon_0", "merlon_1", "merlon_2"]);
  expect(layers.viewOf([brand, filled])).toBe("merlon_1");
  expect(layers.viewOf([])).toBe("merlon_0");
  // An expression that no view names is read over all of them.
  expect(layers.viewOf([{ sql: "c0 + 1", dtype: "float32" }])).toBe("merlon_2");
  await layers.add([fittedStep(drop!)]);
  expect([brand, filled, logs].map(col => layers.viewOf([col]))).toEqual(["merlon_3", "merlon_3", "merlon_3"]);
});

test("inline layers are part of the statement that reads them", async () => {
  const statements: string[] = [];
  const recording: Engine = { ...engine, run: async sql => void statements.push(sql) };
  const plan = workflowPlan({ price: "float32", brand: "string" }, [
    { op: "fillMissing", params: { fillValue: 0 }, columns: ["price"] },
  ]);
  const table: DataSource = { ...source, format: "table", place: [], rows: undefined };
  const layers = await openLayers(recording, table, plan.inputs, lookups, { inline: true });
  await layers.add(plan.steps as never);
  const lowest = "merlon_few_0 AS (SELECT price AS c0, brand AS c1, rowid AS r0 FROM data)";
  const next = "merlon_few_1 AS (SELECT *, coalesce(c0, CAST('0' AS FLOAT)) AS c2 FROM merlon_few_0)";
  expect(layers.view).toBe(`(WITH ${lowest}, ${next} SELECT * FROM merlon_few_1)`);
  expect(layers.places).toEqual(["r0"]);
  expect(statements).toEqual([]);
});

test.each([
  ["float64", [["clip", { min: 0, max: 900 }]], false],
  ["float64", [["clip", { min: 0 }]], true],
  ["float64", [["clip", { max: 900 }]], true],
  ["float64", [["clip", { min: -1, max: 900 }]], true],
  ["float32", [["clip", { min: 0 }]], false],
  ["int32", [["clip", { min: 0 }]], false],
  ["int32", [["clip", { min: -1 }]], true],
  ["int32", [], true],
  [
    "float64",
    [
      ["clip", { min: 0, max: 900 }],
      ["fillMissing", { fillValue: 5 }],
    ],
    false,
  ],
  [
    "float64",
    [
      ["clip", { min: 0, max: 900 }],
      ["fillMissing", { fillValue: -1 }],
    ],
    true,
  ],
  // Another step between them may make anything of a value.
  [
    "float64",
    [
      ["clip", { min: 0, max: 900 }],
      ["normalize", {}],
    ],
    true,
  ],
] as const)("a logarithm of %s behind %j looks for odd values: %s", async (dtype, before, looks) => {
  const statements: string[] = [];
  const recording: Engine = { ...engine, run: async sql => void statements.push(sql) };
  const links = [...before.map(([op, params]) => ({ op, params })), { op: "logOp" as const }];
  const plan = workflowPlan(
    { price: dtype, brand: "string" },
    links.map(link => ({ ...link, columns: ["price"] })) as Link[],
  );
  const layers = await openLayers(recording, source, plan.inputs, lookups);
  for (const step of plan.steps) {
    const state = step.op === "normalize" && { state: { columns: { price: { mean: 1, std: 2 } } } };
    await layers.add([fittedStep({ ...step, ...state } as AnyStep)]);
  }
  expect(statements.at(-1)).toContain("ln(");
  expect(statements.at(-1)!.includes("CASE")).toBe(looks);
});
