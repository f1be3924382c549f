/**
 * Property: on random tables with nulls, in every dtype, a workflow's SQL form, its kernels and its ONNX graph make the same rows.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type DType, datatype } from "#triton-protos/datatype.js";
import type { Plan } from "#triton-protos/plan.js";
import { expectCells, lowerWorkflow } from "./run-onnx.js";
import { fitCells, inFolder, throughKernels, throughSql } from "./run-workflow.js";
import type { Cell, Cells, Value } from "./table-values.js";
import { type Link, workflowPlan } from "./workflow-plan.js";

const DTYPES = [
  "bool",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "int8",
  "int16",
  "int32",
  "int64",
  "float32",
  "float64",
  "string",
] as const satisfies readonly DType[];
const RUNS = 12;

/** Few distinct values, so that vocabularies have counts, with the dtype's edges among them. */
function presentValue(dtype: DType): fc.Arbitrary<Exclude<Value, null>> {
  const { kind, bytes } = datatype(dtype);
  if (kind === "bool") return fc.boolean();
  if (kind === "string")
    return fc.oneof(
      fc.constantFrom("", "a", "é", "😀", "O'Brien", "a\nb", "\\"),
      fc.string({ maxLength: 20, unit: "grapheme" }).filter(s => !s.includes("\0")),
    );
  if (kind === "float") {
    const edges = fc.constantFrom(0, -1, 1.5, -2.25, 3.4e38, 1e-30);
    return fc
      .oneof(
        edges,
        bytes === 4
          ? fc.float({ noNaN: true, noDefaultInfinity: true })
          : fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e200, max: 1e200 }),
      )
      .map(x => x + 0);
  }
  const bits = BigInt(bytes * 8);
  const [min, max] = kind === "uint" ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  return fc
    .oneof(fc.constantFrom(min, max, 0n, 1n, 7n), fc.bigInt({ min, max }))
    .map(x => (bytes === 8 ? String(x) : Number(x)));
}

const nullable = (dtype: DType): fc.Arbitrary<Value> => fc.option(presentValue(dtype), { freq: 5, nil: null });

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
    [{ op: "addTags", params: { tags: ["user"] } }, { op: "dataStats" }],
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

/** What has no lowering says so; everything else comes out the same. */
const REFUSED =
  /reads the bits of a float|hashes texts|would be found as|rows of the request away|the rows before and after|makes one row of many/;
async function expectOnnx(folder: string, plan: Plan, cells: Cells, kernels: Record<string, Cell[]>): Promise<void> {
  const lowered = lowerWorkflow(folder, plan);
  if ("refused" in lowered) expect(lowered.refused).toMatch(REFUSED);
  else expectCells(await lowered.run(cells), kernels);
}

const CASES = DTYPES.flatMap(dtype => (["no", "ragged", "fixed"] as const).map(list => [dtype, list] as const));

test.each(CASES)("%s, list: %s", async (dtype, list) => {
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
          const kernels = await throughKernels(folder, plan, { x: request });
          const { cells } = await throughSql(folder, plan, { x: request });
          expect(cells).toEqual(kernels);
          await expectOnnx(folder, plan, { x: request }, kernels);
        });
      },
    ),
    { numRuns: RUNS, seed: 20_230_801, examples: [] },
  );
});

test("several columns together", async () => {
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
        const kernels = await throughKernels(folder, plan, columns(request));
        const { cells } = await throughSql(folder, plan, columns(request));
        expect(cells).toEqual(kernels);
        await expectOnnx(folder, plan, columns(request), kernels);
      });
    }),
    { numRuns: 4 * RUNS, seed: 20_230_801 },
  );
});
