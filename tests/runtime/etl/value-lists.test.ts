// Chains of steps over columns of few distinct values: a fit computes them once per value of Parquet's dictionaries.
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fittedStep } from "#contract/any-step.js";
import { REQUEST_STEP } from "#contract/plan.js";
import { findData, openData } from "#runtime/etl/data-source.js";
import { type Database, openDatabase } from "#runtime/etl/database.js";
import { type Layers, openLayers } from "#runtime/etl/layers.js";
import { openLookups } from "#runtime/etl/lookups.js";
import type { DType } from "#triton-protos/datatype.js";
import { presentValue } from "./random-values.js";
import { inFolder } from "./run-workflow.js";
import type { Cell } from "./table-values.js";
import { writeParquet } from "./table-values.js";
import { type Link, workflowPlan } from "./workflow-plan.js";

const ROWS = 4_000;
const INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"] as const;

/** Rows of few values in no order, the first of them not null. */
const rowsOf = (values: readonly Cell[], rows = ROWS): Cell[] =>
  Array.from({ length: rows }, (_, r) => values[(r * 7919 + (r >> 5)) % values.length]!);

/** Work with the layers of a plan's steps over a column `x`, as a fit makes them, and as a transformation does. */
async function withLayers<T>(
  dtype: DType,
  cells: readonly Cell[],
  links: readonly Link[],
  work: (database: Database, fit: Layers, transformation: Layers) => Promise<T>,
): Promise<T> {
  return inFolder(async folder => {
    const plan = workflowPlan({ x: dtype }, links);
    const file = join(folder, "data.parquet");
    await writeParquet(file, plan.inputs, { x: cells });
    const database = await openDatabase({ threads: 1 });
    try {
      const source = await openData(database, await findData(database, file), plan.inputs);
      const make = async (byDictionary: boolean) => {
        const lookups = openLookups(database, folder);
        const layers = await openLayers(database, source, plan.inputs, lookups, { byDictionary });
        for (const step of plan.steps) await layers.add([fittedStep(withState(step))]);
        return layers;
      };
      const rows = (layers: Layers) => readAll(database, layers, plan.outputs);
      const fit = await make(true);
      const read = await rows(fit);
      // Views of one name: the second stack replaces the first.
      const transformation = await make(false);
      expect(read).toEqual(await rows(transformation));
      return await work(database, fit, transformation);
    } finally {
      await database.close();
    }
  });
}

const readAll = (
  { rows }: Database,
  layers: Layers,
  outputs: readonly { readonly ref: { readonly step: string; readonly column: string } }[],
) => rows(`SELECT ${outputs.map(({ ref }) => layers.find(ref)!.sql).join(", ")} FROM ${layers.view} ORDER BY r0`, "");

const STATE = { mean: 3, std: 2, min: -5, max: 90, median: 1 };
const withState = <S extends { readonly op: string }>(step: S): S =>
  ["normalize", "normalizeMinMax", "fillMedian"].includes(step.op)
    ? { ...step, state: { columns: { x: STATE } } }
    : step;

const CHAINS: readonly (readonly Link[])[] = [
  [{ op: "fillMissing", params: { fillValue: 3, addBinaryColumns: true } }],
  [
    { op: "fillMedian", params: { addBinaryColumns: true } },
    { op: "clip", params: { max: 9 }, columns: ["x"] },
  ],
  [{ op: "clip", params: { min: 0, max: 100 } }, { op: "logOp" }, { op: "normalize" }],
  [{ op: "logOp" }, { op: "bucketize", params: { boundaries: [-1, 0, 0.5, 7] } }],
  [
    { op: "normalizeMinMax", params: { outDtype: "float32" } },
    { op: "fillMissing", params: { fillValue: -1 } },
  ],
];

test.each(INTEGERS)("%s: each chain makes the rows that it makes without lists", async dtype => {
  const values = fc.uniqueArray(fc.option(presentValue(dtype), { freq: 4, nil: null }), {
    minLength: 2,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...CHAINS), values, async (links, some) => {
      await withLayers(dtype, rowsOf(some as Cell[]), links, async (_, fit) => {
        expect(fit.find({ step: REQUEST_STEP, column: "x" })).toMatchObject({ sql: "c0", values: "[c0]" });
        const last = links.at(-1)!;
        expect(fit.find({ step: `${last.op}_${links.length - 1}`, column: "x" })!.sql).toMatch(/^l\d+\[1\]$/);
      });
    }),
    { numRuns: 4, seed: 20_261_129 },
  );
});
