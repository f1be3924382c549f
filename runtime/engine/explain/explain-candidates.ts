/**
 * The columns of one run → the story of each candidate: the step that found it, its scores, the step that dropped it, its final position.
 * Candidates are identified by the column tagged `id` of their rows.
 */

import { columnsAt, portsOf } from "../../../contract/any-step.js";
import type { AnyStep, Plan } from "../../../contract/plan.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import { choosesByCondition, factsOf, scoresOf, sidesOf } from "../../../contract/step-facts.js";
import { scoreValues } from "../../../operators/shared/kernel/score-values.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { type Column, type Rows, rootOf } from "../../base/columns/table.js";
import { invalid } from "../../base/errors.js";
import { atOnce, type Sliced } from "../../base/slices.js";
import type { PlanResult } from "../schedule/plan-result.js";
import { type Outcomes, readRows, sidesTaken } from "./sides-taken.js";

export interface CandidateStory {
  readonly id: string | number;
  /** Its name in a column of its rows: a text that is named `name` or `title`, such as `item_name` of its feature view. */
  readonly name?: string;
  /** Label of the step that found it, and its place there from 1. */
  readonly from: string;
  readonly rank: number;
  /** The other steps that found it, each with its place there; absent if there are none. */
  readonly also?: readonly { readonly from: string; readonly rank: number }[];
  /** `step.column` → the value it had. */
  readonly scores: Readonly<Record<string, number>>;
  /** Label of the step that took it away. */
  readonly droppedBy?: string;
  /** Place in the last ordering, from 1. */
  readonly place?: number;
}

interface Story {
  readonly id: string | number;
  name?: string;
  readonly from: string;
  readonly rank: number;
  also?: { from: string; rank: number }[];
  readonly scores: Record<string, number>;
  droppedBy?: string;
  place?: number;
}

/** The stories of a hundred thousand are 16 MB of JSON, and hold up the event loop for a second. */
const MOST_CANDIDATES = 100_000;

type Explained = Pick<PlanResult, "columnOf" | "fallbacks" | "each"> & Partial<Pick<PlanResult, "leftOut" | "sides">>;
type Stories = readonly (readonly CandidateStory[])[];

/** @throws RuntimeFault where there are more candidates than anybody reads about */
export const explainCandidates = (plan: Plan, result: Explained): Stories => atOnce(explaining(plan, result));

/** The same as JSON, in slices. */
export function* explainText(plan: Plan, result: Explained): Sliced<string> {
  const texts: string[] = [];
  for (const row of yield* explaining(plan, result)) {
    texts.push(JSON.stringify(row));
    yield;
  }
  return `[${texts.join(",")}]`;
}

function* explaining(plan: Plan, result: Explained): Sliced<Stories> {
  const { columnOf, each } = result;
  const chosen: Outcomes = { fallbacks: result.fallbacks, leftOut: result.leftOut ?? new Map() };
  const ids = idColumns(plan, columnOf);
  const most = [...ids.values()].reduce((count, { rows }) => Math.max(count, rows.count), 0);
  if (most > MOST_CANDIDATES)
    throw invalid(
      `the request has ${most} candidates at one step, and parameter 'explain' explains at most ${MOST_CANDIDATES}; send fewer rows at once`,
    );
  if (each) {
    const stories: (readonly CandidateStory[])[] = [];
    for (const one of each) stories.push(...(yield* explaining(plan, one)));
    return stories;
  }
  const stories: Map<string | number, Story>[] = [];
  const of = (row: number): Map<string | number, Story> => {
    while (stories.length <= row) stories.push(new Map());
    return stories[row]!;
  };
  const takes = sidesTaken(plan, chosen, result.sides ?? new Map());
  for (const [at, step] of plan.steps.entries()) {
    const made = ids.get(step.id);
    const own = (row: number): boolean => takes(at, row);
    if (made) {
      const sources = portsRead(step, chosen).flatMap(port => ids.get(readRows(step, plan, port) ?? "") ?? []);
      for (const source of sources) narrow(step, perUser(source), perUser(made), of, own);
      if (factsOf(step.op).gathers) restore(perUser(made), of, own);
      if (sources.length === 0)
        perUser(made).forEach((list, row) => {
          // A row without candidates has a story too: an empty one.
          of(row);
          if (!own(row)) return;
          list.forEach((id, i) => {
            note(of(row), id, step.label, i + 1);
          });
        });
    }
    addNames(step, ids, columnOf, of);
    if (scoresOf(step) !== false) addScores(step, ids, columnOf, of, own);
    yield;
  }
  return stories.map(each => [...each.values()].map(answered));
}

/** A step found a candidate, as the first or after others. */
function note(stories: Map<string | number, Story>, id: string | number, from: string, rank: number): void {
  const known = stories.get(id);
  if (!known) stories.set(id, { id, from, rank, scores: {} });
  else if (known.from !== from && !known.also?.some(other => other.from === from))
    known.also = [...(known.also ?? []), { from, rank }];
}

/** A candidate that one source lost, and that another one brought, is there. */
function restore(
  made: readonly (readonly (string | number)[])[],
  of: (row: number) => Map<string | number, Story>,
  own: (row: number) => boolean,
): void {
  made.forEach((list, row) => {
    if (!own(row)) return;
    for (const id of list) delete of(row).get(id)?.droppedBy;
  });
}

/** One ordering may leave out candidates that another returns. */
const answered = ({ id, name, droppedBy, ...story }: Story): CandidateStory => ({
  id,
  ...(name !== undefined && { name }),
  ...story,
  ...(droppedBy !== undefined && story.place === undefined && { droppedBy }),
});

/** Row set → its id column. */
function idColumns(
  plan: Plan,
  columnOf: (step: string, column: string) => Column | undefined,
): ReadonlyMap<string, Column> {
  const found = new Map<string, Column>();
  for (const step of plan.steps)
    for (const schema of step.outputs) {
      if (schema.rows === REQUEST_ROWS || schema.list || found.has(schema.rows) || !schema.tags.includes("id"))
        continue;
      const col = columnOf(step.id, schema.name);
      if (col) found.set(schema.rows, col);
    }
  return found;
}

/** The ports whose candidates a step may answer. */
function portsRead(step: AnyStep, { fallbacks, leftOut }: Outcomes): readonly string[] {
  if (choosesByCondition(step.op)) return sidesOf(step)!;
  if (factsOf(step.op).gathers) return portsOf(step).filter(port => !leftOut.get(step.id)?.has(port));
  return [fallbacks.has(step.id) ? "fallback" : "input"];
}

const idOf = (col: Column, i: number): string | number => {
  const value = col.values[i]!;
  return typeof value === "bigint" ? (Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`) : value;
};

/** Ids by request row: candidates of candidates belong to their user too. */
function perUser(col: Column): (string | number)[][] {
  const owners = ownersOf(col.rows);
  const lists = Array.from({ length: rootOf(col.rows).count }, (): (string | number)[] => []);
  for (let i = 0; i < col.rows.count; i++) lists[owners[i]!]!.push(idOf(col, i));
  return lists;
}

/** The request row of each row. */
function ownersOf(rows: Rows): Int32Array {
  if (!rows.parent || !rows.offsets) return Int32Array.from({ length: rows.count }, (_, i) => i);
  const above = ownersOf(rows.parent);
  const owners = new Int32Array(rows.count);
  for (let p = 0; p < rows.parent.count; p++) owners.fill(above[p]!, rows.offsets[p], rows.offsets[p + 1]);
  return owners;
}

/** Records the candidates that a step dropped, and, if it orders, the positions of the others. */
function narrow(
  step: AnyStep,
  before: readonly (readonly (string | number)[])[],
  after: readonly (readonly (string | number)[])[],
  of: (row: number) => Map<string | number, Story>,
  own: (row: number) => boolean,
): void {
  before.forEach((list, row) => {
    if (!own(row)) return;
    const left = new Set(after[row] ?? []);
    for (const id of list) {
      const story = of(row).get(id);
      if (story && !left.has(id)) story.droppedBy ??= step.label;
    }
    if (columnsAt(step, "relevance"))
      (after[row] ?? []).forEach((id, i) => {
        const story = of(row).get(id);
        if (story) story.place = i + 1;
      });
  });
}

/** Columns that name a thing, with or without its kind before: `title`, `item_name`. */
const NAMES_IT = /(?:^|_)(?:name|title)$/i;

function addNames(
  step: AnyStep,
  ids: ReadonlyMap<string, Column>,
  columnOf: (step: string, column: string) => Column | undefined,
  of: (row: number) => Map<string | number, Story>,
): void {
  for (const { name, rows, dtype, list } of step.outputs) {
    if (dtype !== "string" || list || !NAMES_IT.test(name)) continue;
    const id = ids.get(rows);
    const col = id && columnOf(step.id, name);
    if (!col) continue;
    const owners = ownersOf(id.rows);
    for (let i = 0; i < id.rows.count; i++) {
      const story = of(owners[i]!).get(idOf(id, i));
      if (story && (!col.validity || col.validity[i])) story.name ??= String(col.values[i]!);
    }
  }
}

function addScores(
  step: AnyStep,
  ids: ReadonlyMap<string, Column>,
  columnOf: (step: string, column: string) => Column | undefined,
  of: (row: number) => Map<string | number, Story>,
  own: (row: number) => boolean,
): void {
  const scored = scoresOf(step);
  for (const schema of step.outputs) {
    const id = ids.get(schema.rows);
    const col = columnOf(step.id, schema.name);
    if (!id || !col || schema.list || datatype(schema.dtype).kind !== "float") continue;
    // If one column is the score, the others are the candidates' features.
    if (scored !== true && schema.name !== scored) continue;
    const owners = ownersOf(id.rows);
    const scores = scoreValues(col);
    const name = `${step.label}.${schema.name}`;
    for (let i = 0; i < id.rows.count; i++) {
      if (!own(owners[i]!)) continue;
      const story = of(owners[i]!).get(idOf(id, i));
      if (story) story.scores[name] ??= scores[i]!;
    }
  }
}
