/**
 * `node["a", "b"]`, `node - ["a"]` and `node - other`: some columns of a node.
 */
import type { Bound, Scope } from "../../../operators/shared/author/bound.js";
import { atomicTags } from "../../../operators/shared/author/elementwise.js";
import { didYouMean, listNames } from "../../diagnostics/diagnostic.js";
import { suggest } from "../../diagnostics/fixes.js";
import * as messages from "../../diagnostics/messages.js";
import type { ColumnSelector, Selector } from "../../dsl/selector.js";
import { distinct, type Grouping, keepInGroups } from "../groups.js";
import { type Inference, type NodeColumns, type NodeOf, report } from "./inference.js";

export function inferPick(inference: Inference, { input, names, site }: NodeOf<"pick">): NodeColumns | undefined {
  const scope = inference.nodes[input]?.scope;
  const selected =
    scope &&
    selectAll(inference, scope, names, site, {
      reader: "`[]`",
      way: "Pick a column the node has, or make it before.",
    });
  if (!selected) return undefined;
  const { columns, grouping } = selected;
  if (columns.length === 0 && names.length === 0)
    return report(inference, messages.graphEmptySelection({ list: "[]" }), site);
  return { scope: columns, grouping };
}

export function inferMinus(inference: Inference, { left, right, site }: NodeOf<"minus">): NodeColumns | undefined {
  const from = inference.nodes[left];
  if (!from) return undefined;
  const keep = (scope: Scope): NodeColumns => ({ scope, grouping: keepInGroups(from.grouping, scope) });
  if (typeof right === "number") {
    const names = inference.nodes[right]?.scope.map(b => b.column.name);
    return names && keep(from.scope.filter(b => !names.includes(b.column.name)));
  }
  const selected = selectAll(inference, from.scope, right, site, {
    reader: "`-`",
    way: "Take away a column the node has.",
  });
  return selected && keep(from.scope.filter(b => !selected.columns.includes(b)));
}

/** @returns undefined where a selector means no column, which is reported */
function selectAll(
  inference: Inference,
  scope: Scope,
  selectors: readonly Selector[],
  site: number | undefined,
  words: { readonly reader: string; readonly way: string },
): Selected | undefined {
  const selected = select(scope, selectors);
  const { missing, untagged } = selected;
  const names = scope.map(b => b.column.name);
  const tags = [...new Set(scope.flatMap(b => b.column.tags))];
  for (const wanted of untagged) report(inference, tagMissing(wanted, tags), site);
  for (const column of missing)
    report(
      inference,
      messages.schemaColumnMissing({
        ...words,
        column,
        columns: listNames(names),
        suggestion: suggest(column, names),
      }),
      site,
      { literal: column },
    );
  return missing.length || untagged.length ? undefined : selected;
}

const tagMissing = (wanted: readonly string[], known: readonly string[]) =>
  messages.schemaTagMissing({
    tags: wanted.map(tag => `\`${tag}\``).join(" or ") || "anything",
    known: known.length ? `tags ${listNames(known)}` : "no tags at all",
    suggestion: wanted.length === 1 ? suggest(wanted[0]!, known) : wanted.map(tag => didYouMean(tag, known)).join(""),
    example: wanted[0] ?? "user",
  });

interface Selected {
  readonly columns: Scope;
  readonly grouping: Grouping;
  /** Names the scope does not have. */
  readonly missing: readonly string[];
  /** Tag selections that no column answers. */
  readonly untagged: readonly (readonly string[])[];
}

function select(scope: Scope, selectors: readonly Selector[]): Selected {
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
