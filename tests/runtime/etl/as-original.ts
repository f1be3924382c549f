/**
 * One operator's cases, by fit, kernel, SQL form, ONNX graph and server, against what NVTabular 23.08 (for hashes: pandas) answered;
 * `tests/oracles/nvtabular/generate.py` wrote them. An operator's test beside it calls `testAsOriginal`; `nvtabular.test.ts` has the cases of several.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OpKind } from "#contract/op-params.js";
import type { Plan } from "#contract/plan.js";
import { comparable, featuresOf } from "../../formats/merlin-schema/schema-features.js";
import { type Case, expectClose, expectColumns, readCases } from "./nvtabular-cases.js";
import { expectCells, lowerWorkflow } from "./run-onnx.js";
import { fitCells, inFolder, throughKernels, throughSql } from "./run-workflow.js";
import { type RowServer, startRowServer } from "./served-rows.js";
import { type Cell, writeParquet } from "./table-values.js";
import { schemaOf, workflowPlan } from "./workflow-plan.js";

export interface Answers {
  readonly plan: Plan;
  /** A text is the reason why there is no graph. */
  readonly onnx: Record<string, Cell[]> | string;
  readonly kernels: Record<string, Cell[]>;
  readonly sql: Record<string, Cell[]>;
  readonly served: Record<string, Cell[]>;
}

/** A server for the test file. @returns runs a case every way */
export function answersEveryWay(): (one: Case) => Promise<Answers> {
  let server: RowServer;
  beforeAll(async () => {
    server = await startRowServer();
  });
  afterAll(() => server.close());
  return one => answers(server, one);
}

/** Operators whose answer depends on other rows of the request: they see all of them at once. */
const NEED_ALL_ROWS: ReadonlySet<string> = new Set(["differenceLag", "groupby"]);

async function answers(server: RowServer, { types, links, fit, request = fit, files = {} }: Case): Promise<Answers> {
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

/** @returns whether it has a graph */
export async function expectAsOriginal(one: Case, found: Answers): Promise<boolean> {
  const { plan, kernels, sql, served, onnx } = found;
  expect(served, "row by row through the server").toEqual(kernels);
  if (typeof onnx === "string") expect(onnx).toMatch(NOT_LOWERED);
  else expectCells(onnx, kernels);
  const isLowered = typeof onnx !== "string";
  if (one.note === "ties") {
    expectSameButTies(one, kernels, sql);
    return isLowered;
  }
  const dropping = one.links.some(link => link.op === "dropLowCardinality");
  if (dropping) expect(Object.keys(kernels)).toEqual(Object.keys(one.expected));
  expectColumns(kernels, one, "kernel", plan);
  expectColumns(sql, one, "SQL", plan);
  if (one.schema) expectSchema(plan, one);
  if (one.learnt) expectLearnt(plan, one.learnt);
  return isLowered;
}

/** Whether the case is one of `op` alone, or is named after it where it needs others before. */
export const isOf = (op: string, { links, name }: Case): boolean =>
  links.length === 1 ? links[0]!.op === op : name.startsWith(`${op}/`);

/** @returns runs a case of the test's own every way */
export function testAsOriginal(op: OpKind): (one: Case) => Promise<Answers> {
  const run = answersEveryWay();
  const cases = readCases("cases.json").filter(one => isOf(op, one));
  describe("answers as the original", () => {
    let [ran, lowered] = [0, 0];
    test.each(cases)("$name", async one => {
      ran++;
      if (await expectAsOriginal(one, await run(one))) lowered++;
    });
    test("there are cases", () => {
      expect(cases).not.toEqual([]);
    });
    // Here the order of the tests does not matter.
    afterAll(() => {
      if (ran === cases.length && GRAPHS.has(op)) expect(lowered, "cases with a graph").toBeGreaterThan(0);
    });
  });
  return run;
}

/** Operators that read files and those that learn have graphs. */
const GRAPHS: ReadonlySet<OpKind> = new Set([
  "categorify",
  "columnSimilarity",
  "joinExternal",
  "joinGroupby",
  "reduceDtypeSize",
  "targetEncoding",
]);

/** An intended difference from NVTabular. @throws if there is none of this name */
export function differentCase(name: string): Case {
  const found = readCases("different.json").find(one => one.name === name);
  if (!found) throw new Error(`no case is called ${name}`);
  return found;
}

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
