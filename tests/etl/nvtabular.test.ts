/**
 * Fit, kernel, SQL form and ONNX graph against what NVTabular 23.08 (for hashes: pandas) answered; `tests/oracles/nvtabular/generate.py` wrote the cases.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Plan } from "#contract/plan.js";
import { type Case, expectClose, expectColumns, readCases } from "./nvtabular-cases.js";
import { expectCells, lowerWorkflow } from "./run-onnx.js";
import { fitCells, inFolder, throughKernels, throughSql } from "./run-workflow.js";
import { comparable, featuresOf } from "./schema-features.js";
import { type RowServer, startRowServer } from "./served-rows.js";
import { type Cell, writeParquet } from "./table-values.js";
import { schemaOf, workflowPlan } from "./workflow-plan.js";

let server: RowServer;
beforeAll(async () => {
  server = await startRowServer();
});
afterAll(() => server.close());

/** Operators whose answer depends on other rows of the request: they see all of them at once. */
const NEED_ALL_ROWS: ReadonlySet<string> = new Set(["differenceLag", "groupby"]);

async function answers({ types, links, fit, request = fit, files = {} }: Case) {
  return inFolder(async folder => {
    for (const [name, file] of Object.entries(files))
      await writeParquet(join(folder, name), schemaOf(file.types), file.cells);
    const plan = await fitCells(folder, workflowPlan(types, links), fit);
    const together = links.some(
      ({ op, params = {} }) => NEED_ALL_ROWS.has(op) || params.nvtabularHash === true || params.foldMode !== undefined,
    );
    const graph = lowerWorkflow(folder, plan);
    return {
      plan,
      onnx: "refused" in graph ? graph.refused : await graph.run(request),
      kernels: await throughKernels(folder, plan, request),
      sql: (await throughSql(folder, plan, request)).cells,
      served: await server.answers(folder, plan, request, together ? "together" : "one by one"),
    };
  });
}

/** Reasons of operators without an ONNX graph for a case. */
const NOT_LOWERED =
  /reads the bits of a float|hashes texts|would be found as|rows of the request away|the rows before and after|makes one row of many|who else is in the batch|a text that can be anything/;
const loweredOps = new Set<string>();

const CASES = readCases("cases.json");

describe("answers as the original", () => {
  test.each(CASES.map(one => [one.name, one] as const))("%s", async (_, one) => {
    const { plan, kernels, sql, served, onnx } = await answers(one);
    expect(served, "row by row through the server").toEqual(kernels);
    if (typeof onnx === "string") expect(onnx).toMatch(NOT_LOWERED);
    else {
      expectCells(onnx, kernels);
      for (const { op } of one.links) loweredOps.add(op);
    }
    if (one.note === "ties") return expectSameButTies(one, kernels, sql);
    const dropping = one.links.some(link => link.op === "dropLowCardinality");
    if (dropping) expect(Object.keys(kernels)).toEqual(Object.keys(one.expected));
    expectColumns(kernels, one, "kernel", plan);
    expectColumns(sql, one, "SQL", plan);
    if (one.schema) expectSchema(plan, one);
    if (one.learnt) expectLearnt(plan, one.learnt);
  });
});

test("the operators that read files and those that learn were among the graphs", () => {
  const read = ["categorify", "columnSimilarity", "joinExternal", "joinGroupby", "reduceDtypeSize", "targetEncoding"];
  expect(read.filter(op => !loweredOps.has(op))).toEqual([]);
});

/** Name, dtype, tags, domain and properties of every column. */
function expectSchema(plan: Plan, { schema, note }: Case): void {
  const ours = featuresOf(plan);
  for (const theirs of schema!) {
    const [actual, expected] = comparable(ours.get(theirs.name)!, theirs);
    // pandas has no integer null, so that such a column is float64 there; here it stays what it is.
    const isOdd = note?.startsWith("integers with nulls") || note?.startsWith("their schema");
    if (!isOdd) expect(actual, theirs.name).toEqual(expected);
  }
}

const STATISTICS = {
  cardinality: "cardinality",
  min: "min",
  max: "max",
  mean: "mean",
  std: "std",
  per_nan: "perNan",
} as const;

function expectLearnt({ steps }: Plan, learnt: NonNullable<Case["learnt"]>): void {
  const found = steps.find(step => step.op === "dataStats")!.state!.columns;
  for (const [column, stats] of Object.entries(learnt))
    for (const [theirs, ours] of Object.entries(STATISTICS))
      expectClose(found[column]![ours] ?? null, stats[theirs] ?? null, 1e-12, `${column}, ${theirs}`);
}

/** With many equal counts numpy's sort is not stable: the ids of one count may be dealt otherwise, and no others. */
function expectSameButTies(
  { fit, expected }: Case,
  kernels: Record<string, Cell[]>,
  sql: Record<string, Cell[]>,
): void {
  const counts = new Map<Cell, number>();
  for (const value of fit.x!) counts.set(value, (counts.get(value) ?? 0) + 1);
  const idsByCount = (ids: readonly Cell[]) => {
    const sets = new Map<number, Set<Cell>>();
    ids.forEach((id, i) => {
      const count = counts.get(fit.x![i]!)!;
      sets.set(count, (sets.get(count) ?? new Set()).add(id));
    });
    return sets;
  };
  expect(idsByCount(kernels.x!)).toEqual(idsByCount(expected.x!));
  expect(sql).toEqual(kernels);
}

describe("where Merlon differs on purpose", () => {
  const different = new Map(readCases("different.json").map(one => [one.name, one]));

  test("a bucket depends on the value alone: NVTabular's CPU hash mixes the row number in", async () => {
    const one = different.get("hashBucket depends on the row")!;
    const acme = [0, 2, 4];
    expect(new Set(acme.map(row => one.expected.x![row])).size, "NVTabular").toBe(3);
    const { kernels, sql } = await answers(one);
    expect(new Set(acme.map(row => kernels.x![row])).size).toBe(1);
    expect(sql).toEqual(kernels);
  });

  test("a null inside a list is a null, id 1: NVTabular calls it out of vocabulary", async () => {
    const one = different.get("null inside a list")!;
    expect(one.expected.x).toEqual([
      [3, 2],
      [4, 3],
    ]);
    const { kernels, sql } = await answers(one);
    expect(kernels.x).toEqual([
      [3, 1],
      [4, 3],
    ]);
    expect(sql).toEqual(kernels);
  });

  test("the deviation of numbers far from zero is right: NVTabular's sum of squares cancels out", async () => {
    const one = different.get("normalize far from zero")!;
    const { kernels, sql } = await answers(one);
    // Mean -4/3 and variance 151/3 about 10^12, by hand; float64 has steps of 1.2e-4 there.
    const byHand = [0, 5, -9].map(x => (x + 4 / 3) / Math.sqrt(151 / 3));
    expectClose(kernels.x!, byHand, 1e-4, "kernel");
    expectClose(sql.x!, byHand, 1e-4, "SQL");
    expect(Math.abs((one.expected.x![0] as number) - byHand[0]!), "NVTabular").toBeGreaterThan(0.5);
  });

  test("the median of integers is one of them: NVTabular turns the column into fractions", async () => {
    const one = different.get("median of an even count of integers")!;
    expect(one.expected.x).toEqual([2.5, 7]);
    const { kernels, sql } = await answers(one);
    expect(kernels.x).toEqual([2, 7]);
    expect(sql).toEqual(kernels);
  });

  test("a null key joins its rows' statistics: NVTabular divides by a count of 0", async () => {
    const one = different.get("joinGroupby of null")!;
    expect([one.expected.g_count![1], one.expected.g_x_mean![1]], "NVTabular").toEqual([0, "inf"]);
    const { kernels, sql } = await answers({ ...one, request: { g: ["a", null, "new"], x: [0, 0, 0] } });
    expect(kernels).toMatchObject({ g_count: [2, 2, 0], g_x_mean: [3, 3, null] });
    expect(sql).toEqual(kernels);
  });

  test("a null key has the mean of its rows: NVTabular takes its count for 0", async () => {
    const one = different.get("targetEncoding of null")!;
    expect(one.expected.TE_g_y![1], "NVTabular").toBe(1);
    const { kernels, sql } = await answers(one);
    // (1 + 2 · 0.5) / (2 + 2)
    expect(kernels.TE_g_y).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(sql.TE_g_y).toEqual(kernels.TE_g_y);
  });

  test("null values are left out of statistics: NVTabular divides by all rows of the key", async () => {
    const joined = different.get("joinGroupby of null values")!;
    expect(joined.expected.g_x_mean!.slice(0, 4), "NVTabular").toEqual([1, 1, 1, 0]);
    const found = await answers(joined);
    const byKey = (name: string) => [0, 3, 5, 7].map(row => found.kernels[name]![row]);
    expect(byKey("g_count")).toEqual([4, 2, 2, 1]);
    expect(byKey("g_x_sum")).toEqual([4, null, 10, 2.5]);
    expect(byKey("g_x_mean")).toEqual([2, null, 5, 2.5]);
    expect(byKey("g_x_var")).toEqual([2, null, 2, null]);
    expect(byKey("g_x_std")).toEqual([Math.fround(Math.SQRT2), null, Math.fround(Math.SQRT2), null]);
    expect(found.sql).toEqual(found.kernels);
    const encoded = await answers(different.get("targetEncoding of null targets")!);
    // The mean of the five targets is 3.3: (4 + 2 · 3.3) / (2 + 2), and so on.
    const encodings = [2.65, 3.3, 4.15, 9.1 / 3].map(Math.fround);
    expect([0, 3, 5, 7].map(row => encoded.kernels.TE_g_y![row])).toEqual(encodings);
    expect(encoded.sql.TE_g_y).toEqual(encoded.kernels.TE_g_y);
  });

  test("times are told apart to the nanosecond: NVTabular's shifted column is float64, in which they are the same", async () => {
    const one = different.get("differenceLag/of nanoseconds, which float64 cannot tell apart")!;
    expect(one.expected.t_difference_lag_1![1], "NVTabular").toBe(0);
    const { kernels, sql } = await answers(one);
    expect(kernels.t_difference_lag_1![1]).toBe(3);
    expect(sql).toEqual(kernels);
  });

  test("a fitted target encoding needs no target: NVTabular asks for it in every request", async () => {
    await inFolder(async folder => {
      const one = different.get("targetEncoding by the place of a row")!;
      const fitted = await fitCells(folder, workflowPlan(one.types, one.links), one.fit);
      const plan = {
        ...fitted,
        inputs: fitted.inputs.filter(col => col.name !== "y"),
        outputs: fitted.outputs.filter(output => output.schema.name !== "y"),
      };
      expect(await throughKernels(folder, plan, { g: ["a", "b"] })).toMatchObject({ TE_g_y: [0.5, 0.5] });
    });
  });

  test("a target encoding depends on the value alone: NVTabular draws folds by the place of a row", async () => {
    const one = different.get("targetEncoding by the place of a row")!;
    expect(new Set(one.expected.TE_g_y).size, "NVTabular").toBeGreaterThan(1);
    const { kernels, sql } = await answers(one);
    expect(kernels.TE_g_y).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(sql.TE_g_y).toEqual(kernels.TE_g_y);
  });

  test("what dropna leaves is grouped by its own keys: NVTabular takes them from before", async () => {
    const one = different.get("groupby after dropna")!;
    expect(one.expected.x_list, "NVTabular").toEqual([
      [1, 6, null],
      [2, null],
    ]);
    const { kernels, sql, served } = await answers(one);
    expect(kernels).toEqual({
      g: ["a", "b"],
      x_list: [
        [1, 6],
        [2, 5],
      ],
      x_sum: [7, 7],
    });
    expect(sql).toEqual(kernels);
    expect(served).toEqual(kernels);
  });

  test("a constant becomes 0.5, at zero too: NVTabular divides zero by zero", async () => {
    const one = different.get("min-max of a constant zero")!;
    expect(one.expected.x).toEqual([null, null]);
    const { kernels, sql } = await answers(one);
    expect(kernels.x).toEqual([0.5, 0.5]);
    expect(sql).toEqual(kernels);
  });

  test("clip keeps an integer column integers within the bounds: NVTabular makes it float64", async () => {
    const one = different.get("clip of integers by fractions")!;
    expect(one.expected.x).toEqual([1.5, 1.5, 2, 3, 3.5]);
    const { kernels, sql } = await answers(one);
    expect(kernels.x).toEqual([2, 2, 2, 3, 3]);
    expect(sql).toEqual(kernels);
  });
});
