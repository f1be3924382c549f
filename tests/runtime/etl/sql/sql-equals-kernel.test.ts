/**
 * Property: on random tables with nulls, in every dtype, a workflow's SQL form, its kernels and its ONNX graph make the same rows.
 */
import fc from "fast-check";
import { afterAll, test } from "vitest";
import type { DType } from "#triton-protos/datatype.js";
import { startPythonOnnx } from "../../../compiler/5-emit/onnx/python-onnx.js";
import { DTYPES, nullable, presentValue } from "../random-values.js";
import { fitCells, inFolder } from "../run-workflow.js";
import type { Cell, Value } from "../table-values.js";
import { expectThreeHalves } from "../three-halves.js";
import { type Link, workflowPlan } from "../workflow-plan.js";

/** Random tables of each dtype and form; `SQL_RUNS` and `SQL_SEED` choose others. */
const RUNS = Number(process.env.SQL_RUNS ?? 4);
const SEED = Number(process.env.SQL_SEED ?? 20_230_801);
const TIMEOUT = 60_000 + 20_000 * RUNS;

const python = startPythonOnnx();
afterAll(() => python.stop());

/** Rows of one column; the first is not null, so that there is something to learn. */
const cellsOf = (dtype: DType, list: "no" | "ragged" | "fixed"): fc.Arbitrary<Cell[]> => {
  const present: fc.Arbitrary<Cell> = presentValue(dtype);
  const value = fc.option(presentValue(dtype), { freq: 5, nil: null });
  if (list === "no")
    return fc
      .tuple(present, fc.array(value as fc.Arbitrary<Cell>, { minLength: 1, maxLength: 40 }))
      .map(([first, rest]) => [first, ...rest]);
  const length = list === "fixed" ? { minLength: 3, maxLength: 3 } : { maxLength: 5 };
  return fc
    .tuple(presentValue(dtype), fc.array(fc.array(value, length), { minLength: 1, maxLength: 20 }))
    .map(([first, rest]) => [list === "fixed" ? [first, first, first] : [first], ...rest]);
};

const numeric = (dtype: DType) => !["bool", "string"].includes(dtype);
const fillOf = (dtype: DType) => (dtype === "string" ? "none" : dtype === "bool" ? true : 3);

/** Chains to try on a dtype. */
function chainsOf(dtype: DType, list: "no" | "ragged" | "fixed"): Link[][] {
  // DuckDB refuses the standard deviation of doubles whose squares overflow, and the values here have some.
  const stats: Link[] = dtype === "float64" ? [] : [{ op: "dataStats" }];
  const chains: Link[][] = [
    [{ op: "categorify" }],
    [{ op: "categorify", params: { freqThreshold: 2, numBuckets: 5, outDtype: "int32" } }],
    [{ op: "hashBucket", params: { numBuckets: 1000 } }],
    [{ op: "fillMissing", params: { fillValue: fillOf(dtype), addBinaryColumns: true } }],
    [
      { op: "fillMissing", params: { fillValue: fillOf(dtype) } },
      { op: "categorify", params: { maxSize: 6 } },
      { op: "hashBucket", params: { numBuckets: 7 } },
    ],
    [{ op: "addTags", params: { tags: ["user"] } }, ...stats],
  ];
  if (list !== "no")
    chains.push(
      [{ op: "valueCount" }, { op: "fillMissing", params: { fillValue: fillOf(dtype) } }],
      [{ op: "listSlice", params: { start: 2 } }],
      [{ op: "listSlice", params: { start: -2, end: -1 } }],
      [{ op: "listSlice", params: { start: -4, pad: true, padValue: fillOf(dtype) } }],
      [{ op: "listSlice", params: { start: 1, end: 4, pad: true } }, { op: "categorify" }],
    );
  if (!numeric(dtype)) return chains;
  return [
    ...chains,
    [{ op: "clip", params: { min: 0.5, max: 100 } }],
    [{ op: "clip", params: { min: -1e30 } }],
    [{ op: "logOp" }],
    [{ op: "clip", params: { min: -100, max: 1e6 } }, { op: "normalize" }],
    [{ op: "normalizeMinMax" }],
    [{ op: "bucketize", params: { boundaries: [-1, 0, 0.5, 7, 1e6] } }],
    [{ op: "fillMedian", params: { addBinaryColumns: true } }],
    [
      { op: "clip", params: { min: 0, max: 1e6 } },
      { op: "logOp" },
      { op: "normalize", params: { outDtype: "float32" } },
      { op: "categorify" },
    ],
  ];
}

const CASES = DTYPES.flatMap(dtype => (["no", "ragged", "fixed"] as const).map(list => [dtype, list] as const)).map(
  // Each draws chains of its own.
  ([dtype, list], i) => [dtype, list, SEED + i] as const,
);

test.each(CASES)("%s, list: %s", { timeout: TIMEOUT }, async (dtype, list, seed) => {
  const type = list === "ragged" ? `list<${dtype}>` : list === "fixed" ? `${dtype}[3]` : dtype;
  const chains = chainsOf(dtype, list);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...chains),
      cellsOf(dtype, list),
      cellsOf(dtype, list),
      async (links, fit, request) => {
        await inFolder(async folder => {
          const plan = await fitCells(folder, workflowPlan({ x: type }, links), { x: fit });
          await expectThreeHalves(folder, plan, { x: request }, python);
        });
      },
    ),
    { numRuns: RUNS, seed },
  );
});

test("several columns together", { timeout: TIMEOUT }, async () => {
  const chains: Link[][] = [
    [{ op: "hashedCross", params: { numBuckets: 1000 }, columns: ["s", "i", "f"] }],
    [{ op: "hashedCross", params: { numBuckets: 2_147_483_647 }, columns: ["b", "n"] }],
    [
      {
        op: "joinGroupby",
        params: { stats: ["count", "sum", "mean", "std", "var", "min", "max"] },
        columns: ["s", "i", "f"],
        ports: { of: ["n"] },
      },
    ],
    [
      {
        op: "joinGroupby",
        params: { stats: ["count", "min"] },
        columns: [["b", "n"], "s"],
        ports: { of: ["i", "f"] },
      },
    ],
    [{ op: "dropna" }, { op: "fillMissing", params: { fillValue: 3 }, columns: ["n"] }],
    [{ op: "differenceLag", params: { shift: [1, -2] }, columns: ["i", "f", "n"], ports: { partition: ["b"] } }],
    [
      {
        op: "groupby",
        params: {
          by: ["b", "n"],
          aggs: { s: ["list", "count", "first"], i: ["sum", "max"], f: ["nunique", "median"] },
          sort: ["f", "s"],
        },
      },
    ],
    [
      {
        op: "groupby",
        params: {
          by: "s",
          aggs: { i: ["list", "last", "std"], f: ["min", "mean", "var"] },
          sort: "i",
          ascending: false,
        },
      },
    ],
    [{ op: "categorify", params: { encodeType: "combo", numBuckets: 3 }, columns: [["s", "i"], ["f", "b", "n"], "n"] }],
    [{ op: "categorify", params: { singleTable: true, numBuckets: { s: 4 } }, columns: ["s", "f", "n"] }],
    [{ op: "targetEncoding", columns: ["s", "i", "f"], ports: { target: ["n", "b"] } }],
    [
      {
        op: "targetEncoding",
        params: { pSmooth: 1 },
        columns: [
          ["s", "b", "f"],
          ["s", "b"],
        ],
        ports: { target: ["i"] },
      },
    ],
  ];
  const rows = fc.array(
    fc.record({
      s: nullable("string"),
      i: nullable("int64"),
      f: nullable("float64"),
      b: nullable("bool"),
      n: nullable("int8"),
    }),
    { minLength: 1, maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...chains), rows, rows, async (links, fit, request) => {
      await inFolder(async folder => {
        const types = { s: "string", i: "int64", f: "float64", b: "bool", n: "int8" };
        const columns = (of: readonly Record<string, Value>[]) =>
          Object.fromEntries(Object.keys(types).map(name => [name, of.map(row => row[name]!)]));
        const plan = await fitCells(folder, workflowPlan(types, links), columns(fit));
        await expectThreeHalves(folder, plan, columns(request), python);
      });
    }),
    { numRuns: 6 * RUNS, seed: SEED },
  );
});
