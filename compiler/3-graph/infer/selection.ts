/**
 * `node["a", "b"]`, `node - ["a"]` and `node - other`: some columns of a node.
 */
import type { Scope } from "../../../operators/shared/author/bound.js";
import { didYouMean, listNames } from "../../diagnostics/diagnostic.js";
import { suggest } from "../../diagnostics/fixes.js";
import * as messages from "../../diagnostics/messages.js";
import type { Selector } from "../../dsl/selector.js";
import { keepInGroups } from "../groups.js";
import { type Selected, select } from "../select.js";
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
