/**
 * How deeply a text is nested, and where: TypeScript and the compiler walk trees by recursion, which ends some hundred levels down.
 */
import * as ts from "../checker/syntax.js";
import { diagnosticAt, type Finding } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import type { Range } from "./spans.js";

/** Levels of a tree that nothing below the parser can walk. Real programs have some thirty. */
export const MAX_NESTING = 2500;

export interface Nesting extends Range {
  /** Levels of syntax above the place; Infinity where the parser cannot count them. */
  readonly depth: number;
}

/** The innermost place of a text, found without recursion. */
export function deepestPlace(file: string, text: string): Nesting {
  const tree = tryParse(file, text);
  if (!tree) return overflowPlace(file, text);
  let deepest: ts.Node = tree;
  let depth = 0;
  const open: [ts.Node, number][] = [[tree, 0]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [node, level] = next;
    if (level > depth) [deepest, depth] = [node, level];
    ts.forEachChild(node, child => void open.push([child, level + 1]));
  }
  const start = deepest.getStart(tree);
  return { start, end: Math.max(start + 1, deepest.end), depth };
}

/** @returns undefined if the parser has no stack for it */
function tryParse(file: string, text: string): ts.SourceFile | undefined {
  try {
    return ts.parse(file, text);
  } catch (error) {
    if (isStackOverflow(error)) return undefined;
    throw error;
  }
}

/** The character with which the parser's stack is full: the end of the shortest beginning that it cannot parse. */
function overflowPlace(file: string, text: string): Nesting {
  let [parsed, failed] = [0, text.length];
  while (failed - parsed > 1) {
    const middle = (parsed + failed) >> 1;
    if (tryParse(file, text.slice(0, middle))) parsed = middle;
    else failed = middle;
  }
  return { start: failed - 1, end: failed, depth: Number.POSITIVE_INFINITY };
}

/** Texts that are nested at least this deep, the deepest first. */
export const nestingFaults = (texts: ReadonlyMap<string, string>, levels: number): Finding[] =>
  [...texts]
    .map(([file, text]) => ({ file, ...deepestPlace(file, text) }))
    .filter(({ depth }) => depth >= levels)
    .toSorted((a, b) => b.depth - a.depth)
    .map(({ file, start, end, depth }) =>
      diagnosticAt(
        { file, start, end },
        messages.rewriteNesting({ levels: Number.isFinite(depth) ? `: ${depth} levels of syntax` : "" }),
      ),
    );

/** V8's error for a stack that is full. */
export const isStackOverflow = (error: unknown): boolean =>
  error instanceof RangeError && error.message === "Maximum call stack size exceeded";
