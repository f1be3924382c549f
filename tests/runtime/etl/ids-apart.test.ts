// Two ids that are one double, through the operators that read integers: each keeps them apart.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { startPythonOnnx } from "../../compiler/5-emit/onnx/python-onnx.js";
import { fitCells, inFolder, throughKernels } from "./run-workflow.js";
import { type Cell, type Cells, writeParquet } from "./table-values.js";
import { expectThreeHalves } from "./three-halves.js";
import { type Link, schemaOf, workflowPlan } from "./workflow-plan.js";

const python = startPythonOnnx();
afterAll(() => python.stop());

const [A, B] = ["1234567890123456789", "1234567890123456819"] as const;
const ROWS: Cells = { id: [A, B, B, null], y: [1, 0, 0, 1], one: [1, 1, 1, 1] };
const AGGREGATIONS = ["count", "nunique", "min", "max", "first", "last", "list"];

interface Case {
  readonly name: string;
  readonly links: readonly Link[];
  readonly expected: Readonly<Record<string, readonly Cell[]>>;
}
const CASES: readonly Case[] = [
  { name: "categorify", links: [{ op: "categorify", columns: ["id"] }], expected: { id: [4, 3, 3, 1] } },
  { name: "fillMissing", links: [{ op: "fillMissing", columns: ["id"] }], expected: { id: [A, B, B, 0] } },
  { name: "dropna", links: [{ op: "dropna" }], expected: { id: [A, B, B] } },
  {
    name: "clip",
    links: [{ op: "clip", params: { min: 0 }, columns: ["id"] }],
    expected: { id: [A, B, B, null] },
  },
  {
    name: "joinExternal",
    links: [
      { op: "joinExternal", params: { path: "file.parquet", on: "id", columns: { v: "int64" } }, columns: ["id"] },
    ],
    expected: { v: [B, A, A, null] },
  },
  {
    name: "joinExternal, of a CSV file",
    links: [{ op: "joinExternal", params: { path: "file.csv", on: "id", columns: { v: "int64" } }, columns: ["id"] }],
    expected: { v: [B, A, A, null] },
  },
  {
    name: "joinGroupby",
    links: [{ op: "joinGroupby", params: { stats: ["count"] }, columns: ["id"], ports: { of: ["y"] } }],
    expected: { id_count: [1, 2, 2, 1] },
  },
  {
    name: "targetEncoding",
    links: [{ op: "targetEncoding", params: { pSmooth: 0 }, columns: ["id"], ports: { target: ["y"] } }],
    expected: { TE_id_y: [1, 0, 0, 1] },
  },
  {
    name: "groupby",
    links: [{ op: "groupby", params: { by: ["one"], sort: ["id"], aggs: { id: AGGREGATIONS } } }],
    expected: {
      ...{ id_count: [3], id_nunique: [2], id_min: [A], id_max: [B] },
      ...{ id_first: [A], id_last: [null], id_list: [[A, B, B, null]] },
    },
  },
  {
    name: "groupby, by the id",
    links: [{ op: "groupby", params: { by: ["id"], aggs: { y: ["count"] } } }],
    expected: { id: [A, B], y_count: [1, 2] },
  },
  {
    name: "joinGroupby, of the id",
    links: [{ op: "joinGroupby", params: { stats: ["sum", "min", "max"] }, columns: ["one"], ports: { of: ["id"] } }],
    expected: {
      one_id_sum: new Array(4).fill("3703703670370370427"),
      one_id_min: new Array(4).fill(A),
      one_id_max: new Array(4).fill(B),
    },
  },
  {
    name: "differenceLag",
    links: [{ op: "differenceLag", params: { shift: 1 }, columns: ["id"], ports: { partition: ["one"] } }],
    expected: { id_difference_lag_1: [null, 30, 0, null] },
  },
  {
    name: "categorify, of frequent ids",
    links: [{ op: "categorify", params: { freqThreshold: 2 }, columns: ["id"] }],
    expected: { id: [2, 3, 3, 1] },
  },
  {
    name: "filter",
    links: [{ op: "filter", lambda: "row => row.id === 1234567890123456819n" }],
    expected: { id: [B, B] },
  },
];

async function run(links: readonly Link[]): Promise<Record<string, Cell[]>> {
  return inFolder(async folder => {
    await writeParquet(join(folder, "file.parquet"), schemaOf({ id: "int64", v: "int64" }), { id: [A, B], v: [B, A] });
    await writeFile(join(folder, "file.csv"), `id,v\n${A},${B}\n${B},${A}\n`);
    const plan = await fitCells(folder, workflowPlan({ id: "int64", y: "int32", one: "int32" }, links), ROWS);
    await expectThreeHalves(folder, plan, ROWS, python);
    return throughKernels(folder, plan, ROWS);
  });
}

test.each(CASES)("$name", async ({ links, expected }) => {
  expect(await run(links)).toMatchObject(expected);
});

test.each([
  ["hashBucket", { numBuckets: 2 ** 31 - 1 }],
  ["categorify", { freqThreshold: 3, numBuckets: 1000 }],
] as const)("%s to different buckets", async (op, params) => {
  const { id } = await run([{ op, params, columns: ["id"] }]);
  expect(id![0]).not.toBe(id![1]);
  expect(id![1]).toBe(id![2]);
});
