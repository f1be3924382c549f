/**
 * The condition of a filtered search at run time: a set of positions for each distinct combination of the users' values. Sets are kept until the table changes, within a bound of memory; a request computes a bounded number of values.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Expression } from "../../../contract/expression.js";
import { type SplitWhere, splitWhere } from "../../../contract/where.js";
import type { Cancellation } from "../../base/cancellation.js";
import type { Column } from "../../base/columns/table.js";
import { RuntimeFault } from "../../base/errors.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { AttributeTable } from "../../stores/attributes/live-attributes.js";
import { countBits, intersection } from "./bits.js";
import { type Condition, prepareCondition, type UserColumns } from "./condition.js";
import { type SetCache, setCache } from "./set-cache.js";
import { userFlags, valuesKey } from "./user-values.js";

/** Values that one request may have computed: about half a second of one core, at 15 ns each. */
export const MOST_VALUES = 2 ** 25;
/** Work of a step that the thread does at once, and between turns of other work. */
const [AT_ONCE_MS, STRETCH_MS] = [2, 4];

export interface PositionSet {
  /** A bit for each position, the lowest of a byte first. */
  readonly bits: Uint8Array;
  readonly count: number;
}

export interface Predicate {
  /** @param user columns that the condition reads of the users, by name */
  begin(table: AttributeTable, user: UserColumns, rows: number, signal?: Cancellation): PredicateRun;
  close(): void;
}

/** The condition for the rows of one request. */
export interface PredicateRun {
  /** Rows that may have candidates, grouped by the values that decide which. */
  readonly groups: readonly (readonly number[])[];
  /** The candidates of a row, and of its group. @throws RuntimeFault RESOURCE_EXHAUSTED, at once or later */
  candidates(row: number): PositionSet | Promise<PositionSet>;
}

/** Results for one state of the table. */
interface State {
  readonly table: AttributeTable;
  readonly items: readonly Condition[];
  readonly both: readonly Condition[];
  readonly cache: SetCache;
  /** Positions with a row for which the parts of items alone hold. */
  base: Uint8Array | Promise<Uint8Array> | undefined;
}

/** @param what names the step in messages @param memory that sets which are kept are charged to */
export function preparePredicate(conditions: readonly Expression[], what: string, memory?: MemoryBudget): Predicate {
  const split = splitWhere(conditions);
  let state: State | undefined;
  const stateOf = (table: AttributeTable): State => {
    if (state?.table === table) return state;
    state?.cache.close();
    const prepare = (parts: readonly Expression[]) => parts.map(part => prepareCondition(part, table, what));
    state = { table, items: prepare(split.items), both: prepare(split.both), cache: setCache(memory), base: undefined };
    return state;
  };
  return {
    begin: (table, user, rows, signal) => beginRun(split, stateOf(table), user, rows, what, signal),
    close: () => state?.cache.close(),
  };
}

function beginRun(
  split: SplitWhere,
  state: State,
  user: UserColumns,
  rows: number,
  what: string,
  signal: Cancellation | undefined,
): PredicateRun {
  const passes = userFlags(split.users, user, rows, what);
  const read = [...new Set(state.both.flatMap(condition => condition.user))].map(name => user.get(name)!);
  const groups = new Map<string, number[]>();
  for (let row = 0; row < rows; row++) {
    if (passes[row] === 0) continue;
    const key = valuesKey(read, row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  const work: Work = { left: MOST_VALUES, sets: 0, what, signal };
  return {
    groups: [...groups.values()],
    candidates: row => candidatesOf(state, user, row, work),
  };
}

/** The rest of a request's bound. */
interface Work {
  left: number;
  sets: number;
  readonly what: string;
  readonly signal: Cancellation | undefined;
}

function candidatesOf(state: State, user: UserColumns, row: number, work: Work): PositionSet | Promise<PositionSet> {
  const parts = [baseOf(state), ...state.both.map((condition, i) => setOf(state, condition, i, user, row, work))];
  const settle = (sets: readonly Uint8Array[]): PositionSet => {
    const bits = intersection(sets);
    return { bits, count: countBits(bits) };
  };
  if (parts.some(part => part instanceof Promise)) return Promise.all(parts).then(settle);
  return settle(parts as Uint8Array[]);
}

/** The same for all requests until the table changes, so that none is charged with it. */
function baseOf(state: State): Uint8Array | Promise<Uint8Array> {
  if (state.base) return state.base;
  const all = function* (): Generator<void, Uint8Array> {
    const sets = [state.table.known];
    for (const condition of state.items) sets.push(yield* condition.run(new Map<string, Column>(), 0));
    return intersection(sets);
  };
  state.base = drain(all(), undefined);
  if (state.base instanceof Promise)
    state.base = state.base.then(
      base => {
        state.base = base;
        return base;
      },
      error => {
        state.base = undefined;
        throw error;
      },
    );
  return state.base;
}

function setOf(
  { cache }: State,
  condition: Condition,
  place: number,
  user: UserColumns,
  row: number,
  work: Work,
): Uint8Array | Promise<Uint8Array> {
  const key = `${place} ${valuesKey(
    condition.user.map(name => user.get(name)!),
    row,
  )}`;
  const kept = cache.get(key);
  if (kept) return kept;
  work.left -= condition.cost(user, row);
  work.sets++;
  if (work.left < 0)
    throw new RuntimeFault(
      "RESOURCE_EXHAUSTED",
      `${work.what}: the request has more distinct values of ${condition.user.map(name => `\`${name}\``).join(", ")} than one may have: after ${work.sets - 1} sets of items its ${MOST_VALUES} comparisons are used up. Send fewer rows in a request, or round the values.`,
    );
  const found = drain(condition.run(user, row), work.signal);
  const keep = (bits: Uint8Array): Uint8Array => {
    cache.set(key, bits);
    return bits;
  };
  return found instanceof Promise ? found.then(keep) : keep(found);
}

/** Finishes at once if that is short; else other work gets its turns. */
function drain<T>(steps: Generator<void, T>, signal: Cancellation | undefined): T | Promise<T> {
  const first = stretch(steps, AT_ONCE_MS);
  if (first) return first.value;
  return (async () => {
    for (;;) {
      await turn();
      if (signal?.aborted) throw new RuntimeFault("CANCELLED", "the request was cancelled");
      const last = stretch(steps, STRETCH_MS);
      if (last) return last.value;
    }
  })();
}

function stretch<T>(steps: Generator<void, T>, ms: number): { readonly value: T } | undefined {
  const until = performance.now() + ms;
  do {
    const step = steps.next();
    if (step.done) return { value: step.value };
  } while (performance.now() < until);
  return undefined;
}
