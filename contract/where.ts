/**
 * The condition of a filtered search: expressions of which all must hold, over columns of an item's attributes and of the user. Both may have
 * columns of one name, so each name has its side before it.
 */
import { columnsOf, type Expression } from "./expression.js";

export type WhereSide = "item" | "user";

/** A column's name inside the condition. */
export const whereColumn = (side: WhereSide, name: string): string => `${side}.${name}`;

/** The columns that a condition reads of a side, by their own names. */
export const columnsOfSide = (condition: Expression, side: WhereSide): string[] =>
  [...columnsOf(condition)].flatMap(name => (name.startsWith(`${side}.`) ? [name.slice(side.length + 1)] : []));

/** The parts of a condition, by the columns that they read. One that reads no column is of the user. */
export interface SplitWhere {
  /** Items alone: the same for all requests until the table changes. */
  readonly items: readonly Expression[];
  /** The user alone: false leaves the user without candidates. */
  readonly users: readonly Expression[];
  /** Both: a set of items for each combination of the user's values. */
  readonly both: readonly Expression[];
}

export function splitWhere(conditions: readonly Expression[]): SplitWhere {
  const reads = (condition: Expression, side: WhereSide): boolean => columnsOfSide(condition, side).length > 0;
  return {
    items: conditions.filter(c => reads(c, "item") && !reads(c, "user")),
    users: conditions.filter(c => !reads(c, "item")),
    both: conditions.filter(c => reads(c, "item") && reads(c, "user")),
  };
}

/** `a && b && c` as its parts: a row is kept if all of them are true, missing ones not being so. */
export const conjuncts = (condition: Expression): Expression[] =>
  "call" in condition && condition.call === "and" ? condition.args.flatMap(conjuncts) : [condition];
