/**
 * Runs the rows of a request one by one, and joins their runs. For plans with a `fallback` or a `choose`. One row's fault must not select
 * the other side for other rows. A side that only some rows take must not fail for the rest.
 */
import { type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import { stackColumns } from "../../base/columns/stack.js";
import { type Column, childRows, gather, type Rows, rootRows } from "../../base/columns/table.js";
import { internal, RuntimeFault } from "../../base/errors.js";
import type { FilteredSearch } from "./kernel.js";
import type { PlanResult, StageRun } from "./plan-result.js";

/** A fault caused by the content of a row. Any other fault, of a model or a store, would repeat with each row. */
export const isOfRow = ({ code }: RuntimeFault): boolean => code === "NOT_FOUND" || code === "INVALID_ARGUMENT";

/**
 * @param request the request's rows, two or more
 * @throws RuntimeFault of the first row that has one
 */
export async function runRowByRow(
  plan: Plan,
  inputs: ReadonlyMap<string, Column>,
  request: Rows,
  runOne: (inputs: ReadonlyMap<string, Column>, row: number) => PlanResult | Promise<PlanResult>,
): Promise<PlanResult> {
  const runs: PlanResult[] = [];
  for (let row = 0; row < request.count; row++) {
    const own = rootRows(1);
    const at = Int32Array.of(row);
    try {
      runs.push(await runOne(new Map([...inputs].map(([name, col]) => [name, gather(col, at, own)])), row));
    } catch (error) {
      const fault = RuntimeFault.from(error);
      throw new RuntimeFault(fault.code, `${fault.message} This is row ${row} of the request, run alone.`, {
        cause: fault.cause ?? fault,
      });
    }
  }
  return joined(plan, inputs, request, runs);
}

function joined(
  plan: Plan,
  inputs: ReadonlyMap<string, Column>,
  request: Rows,
  runs: readonly PlanResult[],
): PlanResult {
  const rowsIn = joinedRows(plan, request, runs);
  const columnOf: PlanResult["columnOf"] = (step, column) => {
    if (step === REQUEST_STEP) return inputs.get(column);
    const schema = plan.steps.find(({ id }) => id === step)?.outputs.find(({ name }) => name === column);
    const rows = schema && rowsIn(schema.rows);
    return (
      rows &&
      joinColumns(
        runs.map(run => run.columnOf(step, column)),
        rows,
      )
    );
  };
  const columns = new Map<string, Column>();
  for (const { schema, ref } of plan.outputs) {
    const col = columnOf(ref.step, ref.column);
    if (!col) throw internal(`the rows' answers \`${schema.name}\` can not be joined`);
    columns.set(schema.name, col);
  }
  return {
    columns,
    columnOf,
    each: runs,
    timings: summed(runs.map(run => run.timings)),
    parts: summed(runs.map(run => run.parts)),
    searches: searchesOf(runs),
    fallbacks: reasons(runs.map(run => run.fallbacks)),
    leftOut: new Map(
      [...new Set(runs.flatMap(run => [...run.leftOut.keys()]))].map(id => [
        id,
        reasons(runs.map(run => run.leftOut.get(id) ?? new Map())),
      ]),
    ),
    sides: sidesOfAll(runs),
    runs: plan.steps.flatMap(({ id }) => joinStage(runs.flatMap(run => run.runs.filter(({ step }) => step.id === id)))),
  };
}

/** The row sets of all runs by name, concatenated; a step that a run did not reach has no rows there. */
function joinedRows(plan: Plan, request: Rows, runs: readonly PlanResult[]): (name: string) => Rows | undefined {
  const named = runs.map(run => {
    const rows = new Map<string, Rows>();
    for (const { id, outputs } of plan.steps)
      for (const schema of outputs) {
        const col = run.columnOf(id, schema.name);
        if (col) rows.set(schema.rows, col.rows);
      }
    return rows;
  });
  const known = new Map<string, Rows | undefined>([[REQUEST_ROWS, request]]);
  return function rowsIn(name): Rows | undefined {
    if (known.has(name)) return known.get(name);
    const some = named.find(rows => rows.has(name));
    const above = some?.get(name)?.parent;
    const parentName = above?.parent ? [...some!].find(([, rows]) => rows === above)?.[0] : above && REQUEST_ROWS;
    const parent = parentName === undefined ? undefined : rowsIn(parentName);
    const lengths = named.flatMap(rows => {
      const { offsets } = rows.get(name) ?? {};
      const count = parentName === REQUEST_ROWS ? 1 : (rows.get(parentName ?? "")?.count ?? 0);
      return Array.from({ length: count }, (_, i) => (offsets ? offsets[i + 1]! - offsets[i]! : 0));
    });
    const made = parent && childRows(parent, toOffsets(lengths));
    known.set(name, made);
    return made;
  };
}

/** Undefined if a row has no value at all: its run did not reach the step, and the column is of the request's rows. */
function joinColumns(parts: readonly (Column | undefined)[], rows: Rows): Column | undefined {
  const there = parts.filter(part => part !== undefined);
  if (there.length === 0 || there.reduce((n, part) => n + part.rows.count, 0) !== rows.count) return undefined;
  return stackColumns(there, rows);
}

function toOffsets(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  lengths.forEach((length, i) => {
    offsets[i + 1] = offsets[i]! + length;
  });
  return offsets;
}

function summed(all: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const one of all) for (const [id, value] of one) sums.set(id, (sums.get(id) ?? 0) + value);
  return sums;
}

/** The rows that have a reason, with that of the first, by key. */
function reasons(runs: readonly ReadonlyMap<string, string>[]): ReadonlyMap<string, string> {
  const rows = new Map<string, number[]>();
  runs.forEach((one, row) => {
    for (const id of one.keys()) rows.set(id, [...(rows.get(id) ?? []), row]);
  });
  return new Map(
    [...rows].map(([id, list]) => [
      id,
      `${list.length > 1 ? "rows" : "row"} ${list.join(", ")} of the request, run alone: ${runs[list[0]!]!.get(id)}`,
    ]),
  );
}

function joinStage(parts: readonly StageRun[]): StageRun[] {
  const [first] = parts;
  if (!first) return [];
  const sum = (of: (part: StageRun) => number): number => parts.reduce((n, part) => n + of(part), 0);
  const [began, ended] = [parts.map(part => part.began), parts.map(part => part.ended)];
  return [
    {
      step: first.step,
      began: Math.min(...began),
      ended: Math.max(...ended),
      rowsIn: sum(({ rowsIn }) => rowsIn),
      rowsOut: sum(({ rowsOut }) => rowsOut),
    },
  ];
}

/** Choices that every row reached: candidates of candidates may choose too. */
function sidesOfAll(runs: readonly PlanResult[]): PlanResult["sides"] {
  const reached = [...(runs[0]?.sides.keys() ?? [])].filter(id => runs.every(({ sides }) => sides.has(id)));
  return new Map(reached.map(id => [id, runs.flatMap(({ sides }) => Array.from(sides.get(id)!))]));
}

/** Each run has one row of the request. */
function searchesOf(runs: readonly PlanResult[]): PlanResult["searches"] {
  const all = new Map<string, FilteredSearch[]>();
  runs.forEach(({ searches }, row) => {
    for (const [step, found] of searches)
      all.set(step, [...(all.get(step) ?? []), ...found.map(search => ({ ...search, rows: [row] }))]);
  });
  return all;
}
