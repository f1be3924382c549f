/**
 * The rewriter's replacements of `>>`, `+`, `-` and `[]`, with the index of the site. Operands may also be numbers and texts, which stay
 * what they are.
 */
import * as messages from "../diagnostics/messages.js";

import { describeValue, recordFault } from "./faults.js";
import {
  type AnyNode,
  type Chain,
  chain,
  isNode,
  isOp,
  type Minus,
  minus,
  type Names,
  type Pick,
  type Plus,
  pick,
  plus,
  type Right,
  type RightOfMinus,
  type RightOfPick,
  type RightOfPlus,
  unknown,
} from "./node.js";

/** A left operand of `>>`. */
export type Left<L> = L extends AnyNode
  ? L
  : "left of >> must be a node: start from source({ ... }) or a list of its columns";

/** The rewriter's form of an operator. @internal */
export function $chain<L, R>(left: Left<L>, right: Right<L, R>, site?: number): Chain<L, R> {
  return chain(left, right, site) as Chain<L, R>;
}

/** The rewriter's form of an operator. @internal */
export function $plus<L, R>(left: L, right: RightOfPlus<L, R>, site?: number): Plus<L, R> {
  if (isNode(left)) return plus(left, right, site) as Plus<L, R>;
  if (isNode(right)) {
    recordFault(
      isOp(left) ? messages.graphPrecedence({}) : messages.graphNotANode({ operator: "+", seen: describeValue(left) }),
      site,
      isOp(left) ? "whole" : "left",
    );
    return unknown(site) as Plus<L, R>;
  }
  return ((left as number) + (right as unknown as number)) as Plus<L, R>;
}

/** The rewriter's form of an operator. @internal */
export function $minus<L, const R>(
  left: L,
  right: L extends AnyNode ? RightOfMinus<R> : R,
  site?: number,
): Minus<L, R> {
  if (isNode(left)) return minus(left, right, site) as unknown as Minus<L, R>;
  return ((left as unknown as number) - (right as unknown as number)) as Minus<L, R>;
}

/** The rewriter's form of an operator. @internal */
export function $pick<N, const K extends Names>(node: N, key: RightOfPick<N, K>, site?: number): Pick<N, K> {
  if (isNode(node)) return pick(node, key as Names, site) as Pick<N, K>;
  return (node as Record<string, unknown>)[key as string] as Pick<N, K>;
}

/** A bare list of names, bound to the file's source. @internal */
export const $list = <N, const K extends Names>(node: N, key: RightOfPick<N, K>, site?: number): Pick<N, K> =>
  $pick(node, key, site);
