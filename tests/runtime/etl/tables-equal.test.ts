/**
 * Property: operators that read files, that learn a dtype or a set of columns, and those that keep values. Their SQL form, kernel and ONNX
 * graph make the same rows on random tables with nulls and unknown keys.
 */
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { DType } from "#triton-protos/datatype.js";
import { startPythonOnnx } from "../../compiler/5-emit/onnx/python-onnx.js";
import { DTYPES, nullable, presentValue } from "./random-values.js";
import { fitCells, inFolder } from "./run-workflow.js";
import { type Cells, type Value, writeParquet } from "./table-values.js";
import { expectThreeHalves } from "./three-halves.js";
import { type Link, schemaOf, workflowPlan } from "./workflow-plan.js";

const python = startPythonOnnx();
afterAll(() => python.stop());

interface Tables {
  readonly types: Readonly<Record<string, string>>;
  readonly links: readonly Link[];
  readonly file?: { readonly types: Readonly<Record<string, string>>; readonly cells: Cells };
  readonly fit: Cells;
  readonly request: Cells;
}

/** @returns how many of the runs had a graph */
async function holds(tables: fc.Arbitrary<Tables>, numRuns: number): Promise<number> {
  let lowered = 0;
  await fc.assert(
    fc.asyncProperty(tables, ({ types, links, file, fit, request }) =>
      inFolder(async folder => {
        if (file) await writeParquet(join(folder, "file.parquet"), schemaOf(file.types), file.cells);
        const plan = await fitCells(folder, workflowPlan(types, links), fit);
        if (await expectThreeHalves(folder, plan, request, python)) lowered++;
      }),
    ),
    { numRuns, seed: 20_230_801 },
  );
  return lowered;
}

const some = (value: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> => fc.array(value, { minLength: 1, maxLength: 8 });
const distinct = (values: readonly Value[]): Value[] => [...new Map(values.map(v => [String(v), v])).values()];

const joins = (key: DType, taken: DType, dropDuplicates: boolean): fc.Arbitrary<Tables> =>
  fc
    .tuple(some(nullable(key)), some(nullable(key)), fc.infiniteStream(nullable(taken)))
    .map(([keys, strangers, stream]): Tables => {
      const own = dropDuplicates ? [...keys, ...keys] : distinct(keys);
      const options = { path: "file.parquet", on: "k", columns: { v: taken }, dropDuplicates };
      return {
        types: { k: key },
        links: [{ op: "joinExternal", params: options }],
        file: { types: { k: key, v: taken }, cells: { k: own, v: own.map(() => stream.next().value) } },
        fit: { k: keys },
        request: { k: [...keys, ...strangers] },
      };
    });

test.each(DTYPES)("joinExternal by %s", async key => {
  const taken = DTYPES[(DTYPES.indexOf(key) * 5 + 3) % DTYPES.length]!;
  const lowered = await holds(fc.oneof(joins(key, taken, false), joins(key, taken, true)), 2);
  if (key !== "float64") expect(lowered).toBe(2);
});

test("columnSimilarity", async () => {
  const row = fc.record({
    row: fc.integer({ min: 0, max: 3 }),
    column: fc.integer({ min: 0, max: 3 }),
    value: fc.integer({ min: 1, max: 5 }),
  });
  const matrix = fc.uniqueArray(row, { minLength: 1, maxLength: 10, selector: ({ row, column }) => 10 * row + column });
  const id = fc.option(fc.integer({ min: 0, max: 3 }), { freq: 5, nil: null });
  const tables = fc.tuple(
    fc.constantFrom("tfidf", "cosine", "inner"),
    matrix,
    fc.array(fc.tuple(id, id), { minLength: 1, maxLength: 8 }),
    fc.boolean(),
  );
  const lowered = await holds(
    tables.map(([metric, cells, pairs, both]): Tables => {
      const columns = { a: pairs.map(([a]) => a), b: pairs.map(([, b]) => b) };
      const params = { features: "file.parquet", metric, ...(both && { rightFeatures: "file.parquet" }) };
      const of = (name: "row" | "column" | "value") => cells.map(cell => cell[name]);
      return {
        types: { a: "int64", b: "int64" },
        links: [{ op: "columnSimilarity", params, columns: [["a", "b"]] }],
        file: {
          types: { row: "int64", column: "int64", value: "float64" },
          cells: { row: of("row"), column: of("column"), value: of("value") },
        },
        fit: columns,
        request: columns,
      };
    }),
    6,
  );
  expect(lowered).toBe(6);
});

/** Chains on one column of each dtype. */
const CHAINS: Readonly<Record<string, (dtype: DType) => readonly Link[] | undefined>> = {
  reduceDtypeSize: dtype =>
    ["bool", "string"].includes(dtype) ? undefined : [{ op: "reduceDtypeSize", params: { floatDtype: "float32" } }],
  dropLowCardinality: () => [{ op: "categorify" }, { op: "dropLowCardinality", params: { minCardinality: 4 } }],
  median: dtype => (["bool", "string"].includes(dtype) ? undefined : [{ op: "median" }]),
  "given vocabulary": dtype =>
    dtype === "string"
      ? [{ op: "categorify", params: { vocabs: { x: ["", "a", "é"] }, outDtype: "int32" } }]
      : dtype === "int64"
        ? [{ op: "categorify", params: { vocabs: { x: [7, 0, 1] } } }]
        : undefined,
};

test.each(Object.keys(CHAINS))("%s", async name => {
  let lowered = 0;
  for (const dtype of DTYPES) {
    const links = CHAINS[name]!(dtype);
    if (!links) continue;
    const column = fc
      .tuple(presentValue(dtype), some(nullable(dtype)))
      .map(([first, rest]): Value[] => [first, ...rest]);
    // The fitted state holds for the request: its values are the fit's, or there are none.
    const tables = fc
      .tuple(column, fc.boolean())
      .map(([x, none]): Tables => ({ types: { x: dtype }, links, fit: { x }, request: { x: none ? [] : x } }));
    lowered += await holds(tables, 2);
  }
  expect(lowered).toBeGreaterThan(3);
});
