/**
 * Selectors over a scope → the selected columns, each once, in the given order. Also their groups, and the selectors that match none.
 */

import type { Bound, Scope } from "../../operators/shared/author/bound.js";
import { atomicTags } from "../../operators/shared/author/elementwise.js";
import type { ColumnSelector, Selector } from "../dsl/selector.js";
import { distinct, type Grouping } from "./groups.js";

export interface Selected {
  readonly columns: Scope;
  readonly grouping: Grouping;
  /** Names the scope does not have. */
  readonly missing: readonly string[];
  /** Tag selections that no column answers. */
  readonly untagged: readonly (readonly string[])[];
}

export function select(scope: Scope, selectors: readonly Selector[]): Selected {
  const columns = new Map<string, Bound>();
  const missing = new Set<string>();
  const untagged: (readonly string[])[] = [];
  const grouping: string[][] = [];
  /** Names of the columns that a selector means. */
  const find = (selector: ColumnSelector): string[] => {
    const found = scope.filter(bound => matches(bound, selector));
    for (const bound of found) columns.set(bound.column.name, bound);
    if (found.length === 0) {
      if (typeof selector !== "string") untagged.push(selector.tags);
      else if (selector !== "*") missing.add(selector);
    }
    return found.map(bound => bound.column.name);
  };
  for (const selector of selectors) {
    if (typeof selector === "string" || "tags" in selector) grouping.push(...find(selector).map(name => [name]));
    else {
      const names = [...new Set(selector.group.flatMap(find))];
      if (names.length > 0) grouping.push(names);
    }
  }
  return { columns: [...columns.values()], grouping: distinct(grouping), missing: [...missing], untagged };
}

/** A column that is really called `*` cannot be: names are identifiers in Merlin's tools. */
const matches = ({ column }: Bound, selector: ColumnSelector): boolean =>
  typeof selector === "string"
    ? selector === "*" || column.name === selector
    : selector.tags.some(tag => atomicTags([tag]).every(part => column.tags.includes(part)));
