/**
 * Column groups: what a list in a list, `[["item_id", "brand"]]`, says beyond which columns are meant. A node lists its columns one by one or
 * in groups; `+`, `-` and `subgraph` pass the grouping on, an operator uses it up.
 */
import type { Scope } from "../../operators/shared/author/bound.js";

/** Names of the columns of a group; one name is a column on its own. A column may be alone and in groups. */
export type Grouping = readonly (readonly string[])[];

/** Every column on its own. */
export const alone = (scope: Scope): Grouping => scope.map(b => [b.column.name]);

/** The left's entries and then the right's, each once; a name that the right provides means the right's column. */
export const joinGroupings = (left: Grouping, right: Grouping): Grouping => {
  const names = new Set(right.filter(entry => entry.length === 1).map(([name]) => name!));
  return distinct([...left.filter(entry => entry.length > 1 || !names.has(entry[0]!)), ...right]);
};

/** The rest of each entry after other columns are removed. */
export const keepInGroups = (grouping: Grouping, scope: Scope): Grouping => {
  const left = new Set(scope.map(b => b.column.name));
  return distinct(grouping.map(entry => entry.filter(name => left.has(name))).filter(entry => entry.length > 0));
};

/** The columns of each entry. */
export const groupScopes = (grouping: Grouping, scope: Scope): readonly Scope[] => {
  const columns = new Map(scope.map(b => [b.column.name, b]));
  return grouping.map(entry => entry.map(name => columns.get(name)!));
};

/** Entries in order, each once. */
export const distinct = (grouping: Grouping): Grouping => [
  ...new Map(grouping.map(entry => [JSON.stringify(entry), entry])).values(),
];
