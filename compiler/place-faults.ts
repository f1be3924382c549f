/**
 * A fault of the graph → the author's text at fault: an operand, or the literal inside it that names the culprit.
 */
import { fileURLToPath } from "node:url";
import type { Range } from "./1-rewrite/spans.js";
import type { ProgramSources, Transpiled } from "./2-check/sources.js";
import type { GraphFault } from "./3-graph/infer.js";
import { authorTree, callAt, optionRange } from "./author-tree.js";
import type { DiagnosticSite } from "./diagnostics/diagnostic.js";

/** An operand of a site; the start of the file for a node made without the rewriter. */
export function siteRange(
  sources: ProgramSources,
  site: number | undefined,
  side: "left" | "right" | "whole",
): DiagnosticSite {
  const found = site === undefined ? undefined : sources.sites[site];
  if (!found) return { file: sources.entry, start: 0, end: 1 };
  return { file: found.file, ...found[side] };
}

export function faultSite(sources: ProgramSources, fault: Pick<GraphFault, "site" | "blame">): DiagnosticSite {
  if (typeof fault.blame === "string") return siteRange(sources, fault.site, fault.blame);
  if ("at" in fault.blame) return fault.blame.at;
  const operand = siteRange(sources, fault.site, "right");
  const text = sources.texts.get(operand.file) ?? "";
  if ("option" in fault.blame) {
    const tree = authorTree(sources, operand.file, text);
    const call = callAt(tree, operand);
    return { file: operand.file, ...((call && optionRange(tree, call, fault.blame.option)) ?? operand) };
  }
  const inside = "literal" in fault.blame ? literal(text, operand, fault.blame.literal) : argument(text, operand);
  return { file: operand.file, ...(inside ?? operand) };
}

/** `"index/items.faiss"` within a range, quotes included. */
export function literal(text: string, { start, end }: Range, value: string): Range | undefined {
  for (const quote of ['"', "'", "`"]) {
    const at = text.indexOf(`${quote}${value}${quote}`, start);
    if (at >= 0 && at < end) return { start: at, end: at + value.length + 2 };
  }
  return undefined;
}

/** The text between the parentheses of a call. */
function argument(text: string, { start, end }: Range): Range | undefined {
  const open = text.indexOf("(", start);
  return open >= 0 && open < end - 2 ? { start: open + 1, end: end - 1 } : undefined;
}

/** The author's line in a stack trace. */
export function foreignFrame(
  sources: ProgramSources,
  { authorLine }: Transpiled,
  stack: string,
): DiagnosticSite | undefined {
  for (const [, url, line] of stack.matchAll(/(file:\/\/\S+?):(\d+):\d+\)?$/gm)) {
    const file = fileURLToPath(url!);
    const text = sources.texts.get(file);
    if (text === undefined) continue;
    const lines = text.split("\n");
    const index = authorLine(file, Number(line)) - 1;
    const start = lines.slice(0, index).reduce((sum, l) => sum + l.length + 1, 0);
    const content = lines[index] ?? "";
    const indent = content.length - content.trimStart().length;
    return { file, start: start + indent, end: start + Math.max(indent + 1, content.length) };
  }
  return undefined;
}
