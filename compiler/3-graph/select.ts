/**
 * Selectors over a scope → the columns they mean, each once, in the order asked; and the selectors that mean none.
 */
import type { Selector } from "../dsl/selector.js";
import type { Bound, Scope } from "../ops/define-op.js";

export interface Selected {
  readonly columns: Scope;
  /** Names the scope does not have. */
  readonly missing: readonly string[];
  /** Tag selections that no column answers. */
  readonly untagged: readonly (readonly string[])[];
}

export function select(scope: Scope, selectors: readonly Selector[]): Selected {
  const columns = new Map<string, Bound>();
  const missing = new Set<string>();
  const untagged: (readonly string[])[] = [];
  for (const selector of selectors) {
    const found = scope.filter(bound => matches(bound, selector));
    for (const bound of found) columns.set(bound.column.name, bound);
    if (found.length > 0) continue;
    if (typeof selector !== "string") untagged.push(selector.tags);
    else if (selector !== "*") missing.add(selector);
  }
  return { columns: [...columns.values()], missing: [...missing], untagged };
}

/** A column that is really called `*` cannot be: names are identifiers in Merlin's tools. */
const matches = ({ column }: Bound, selector: Selector): boolean =>
  typeof selector === "string"
    ? selector === "*" || column.name === selector
    : selector.tags.some(tag => column.tags.includes(tag));
