/**
 * The context of translating a user's function, and its reports.
 */

import type { Range } from "../1-rewrite/spans.js";
import type * as ts from "../checker/syntax.js";
import type { Message } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import type { Captured } from "../dsl/lambda.js";
import type { Lambda } from "./read-lambda.js";
import type { Term } from "./term.js";

/** The names in scope at a point of the function. */
export interface Context {
  readonly lambda: Lambda;
  readonly names: ReadonlyMap<string, Term>;
  readonly captured: Readonly<Record<string, Captured>>;
  /** Names given to `let`s so far, so that each is new. */
  readonly taken: Set<string>;
  /** Parts that may still be translated: ways through nested `if`s multiply. */
  readonly budget: { left: number };
  fail(at: Range, message: Message): undefined;
  /** Any part, for those that are made of parts; undefined after a fault of its own. */
  translate(node: ts.Expression, context: Context): Term | undefined;
}

export const rangeOf = ({ lambda }: Context, node: ts.Node): Range => ({
  start: node.getStart(lambda.tree),
  end: node.end,
});
export const unsupported = (context: Context, node: ts.Node, what: string, way: string): undefined =>
  context.fail(rangeOf(context, node), messages.lambdaUnsupported({ what, way }));
/** A part of the wrong type. */
export const wrongType = (
  context: Context,
  node: ts.Node,
  operator: string,
  wanted: string,
  seen: string,
  way: string,
) => context.fail(rangeOf(context, node), messages.lambdaType({ operator, wanted, seen, way }));

/** Counts a part; says once that there are too many. */
export function isSpent(node: ts.Node, context: Context): boolean {
  context.budget.left--;
  if (context.budget.left === 0)
    unsupported(
      context,
      node,
      "A function of this size",
      "Make a column of a part of it, with a `lambdaOp` of its own.",
    );
  return context.budget.left <= 0;
}
