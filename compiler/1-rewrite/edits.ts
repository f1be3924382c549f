/**
 * Edits of the author's text, and the text with them: all else stays verbatim.
 */
import type * as ts from "../checker/syntax.js";
import type { Span } from "./spans.js";

export interface Edit {
  readonly pos: number;
  readonly remove: number;
  readonly text: string;
  /** Openers at one position: outer (longer) first. Closers at one position: inner first. */
  readonly order: number;
  readonly closes: boolean;
}

/** Glue in front of a node. @param removed characters of the node's start that the glue replaces */
export const opener = (node: ts.Node, text: string, removed = 0): Edit => ({
  pos: node.getStart(),
  remove: removed,
  text,
  order: -node.end,
  closes: false,
});

/** Glue behind a node. @param removed characters of the node's end that the glue replaces */
export const closer = (node: ts.Node, text: string, removed = 0): Edit => ({
  pos: node.end - removed,
  remove: removed,
  text,
  order: -node.getStart(),
  closes: true,
});

/** Appends an argument after the last one: text that closes the argument itself precedes it. */
export const furtherArgument = (last: ts.Node, text: string): Edit => ({
  ...closer(last, `, ${text}`),
  order: -last.getStart() + 0.5,
});

export const replacement = (start: number, end: number, text: string): Edit => ({
  pos: start,
  remove: end - start,
  text,
  order: 0,
  closes: false,
});

/** @param edits are sorted in place */
export function glue(text: string, edits: Edit[]): { text: string; spans: Span[] } {
  edits.sort((a, b) => a.pos - b.pos || Number(b.closes) - Number(a.closes) || a.order - b.order);
  const spans: Span[] = [];
  let out = "";
  let at = 0;
  const keep = (to: number) => {
    if (to <= at) return;
    spans.push({ source: at, target: out.length, length: to - at });
    out += text.slice(at, to);
    at = to;
  };
  for (const edit of edits) {
    keep(edit.pos);
    out += edit.text;
    at += edit.remove;
  }
  keep(text.length);
  return { text: out, spans };
}
