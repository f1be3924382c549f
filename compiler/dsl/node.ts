/**
 * Nodes and operators as values, and the results of `>>`, `+`, `-` and `[]`. Each rule is written as a type, with a sentence as the type of
 * a wrong operand, and as a value. A node is an immutable description of columns-to-be; running an ensemble file builds these and nothing
 * else.
 */
import type { OpKind } from "../../contract/op-params.js";
import * as messages from "../diagnostics/messages.js";
import type { ColumnType, IsUnknown, Keep, NameOf, Without } from "./column.js";
import { describeValue, recordFault } from "./faults.js";
import type { Apply, Rule } from "./rule.js";
import { type ColumnSelector, isTag, type Selector, type Tag } from "./selector.js";

/** The origin of a node's columns. */
export type NodeData =
  | { readonly kind: "source"; readonly columns: Readonly<Record<string, ColumnType>> }
  | { readonly kind: "schema"; readonly path: string }
  | { readonly kind: "subgraph"; readonly name: string; readonly input: AnyNode }
  | { readonly kind: "apply"; readonly op: AnyOp; readonly input: AnyNode }
  | { readonly kind: "plus"; readonly left: AnyNode; readonly right: AnyNode; readonly wins?: "right" }
  | { readonly kind: "minus"; readonly left: AnyNode; readonly right: AnyNode | readonly Selector[] }
  | { readonly kind: "pick"; readonly input: AnyNode; readonly names: readonly Selector[] }
  | { readonly kind: "unknown" };

/** Any node, whatever its columns. */
// biome-ignore lint/suspicious/noExplicitAny: the columns of "some node" must not constrain it; a union of strings is invariant here
export type AnyNode = Node<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above, for the rule
export type AnyOp = Op<any>;

const uncompiled =
  "this file must be compiled: run `merlon build`, or write .pipe(), .plus(), .minus() and .pick() instead of >>, +, - and []";

/**
 * Columns-to-be. `C` is the union of its columns, as `"float32 price" | "int64 user_id"`; `A` is that of its sources' columns, the inputs
 * of a request to an ensemble.
 * @example const price = events.pick("price").pipe(clip({ min: 0 }));
 */
export class Node<C extends string, A extends string = string> {
  readonly kind = "node";
  declare readonly columns: C;
  declare readonly asked: A;
  /** @internal */
  readonly data: NodeData;
  /** @internal */
  readonly site: number | undefined;

  constructor(data: NodeData, site?: number) {
    this.data = data;
    this.site = site;
  }

  /** Applies an operator: the method form of `>>`. */
  pipe<O>(op: Right<Node<C, A>, O>, site?: number): Chain<Node<C, A>, O> {
    return chain(this, op, site) as Chain<Node<C, A>, O>;
  }

  /** Puts columns side by side: the method form of `+`. */
  plus<N, const W extends PlusOptions | number = number>(
    node: RightOfPlus<Node<C, A>, N, W>,
    options?: W,
  ): Plus<Node<C, A>, N, W> {
    return plus(
      this,
      node,
      typeof options === "number" ? options : undefined,
      typeof options === "object" ? options : {},
    ) as Plus<Node<C, A>, N, W>;
  }

  /** Takes columns away, by name or by the names of another node: the method form of `-`. */
  minus<const N>(columns: RightOfMinus<N>, site?: number): Minus<Node<C, A>, N> {
    return minus(this, columns, site) as Minus<Node<C, A>, N>;
  }

  /** Keeps the named columns, in the given order: the method form of `[]`. */
  pick<const K extends Names>(names: RightOfPick<Node<C, A>, K>, site?: number): Pick<Node<C, A>, K> {
    return pick(this, names, site) as Pick<Node<C, A>, K>;
  }

  /** @internal `>>` on an uncompiled file would quietly yield a number. */
  [Symbol.toPrimitive](): never {
    throw new Error(uncompiled);
  }
}

/** An operator with its parameters, not yet applied. `R` says what it does to columns. */
export class Op<R extends Rule> {
  readonly kind = "op";
  declare readonly rule: R;
  constructor(
    readonly op: OpKind,
    readonly params: unknown,
    /** Nodes the operator reads beside its left side, by port. */
    readonly dependencies: Readonly<Record<string, unknown>> = {},
    /** The options of `cached`. */
    readonly cache?: unknown,
  ) {}

  /** @internal */
  [Symbol.toPrimitive](): never {
    throw new Error(uncompiled);
  }
}

export const isNode = (value: unknown): value is AnyNode => value instanceof Node;
export const isOp = (value: unknown): value is AnyOp => value instanceof Op;

/** One name, several, or groups of them (lists in the list). `"*"` and `tag(...)` select without names. */
export type Names = string | Tag | readonly (string | Tag | readonly (string | Tag)[])[];

type Flat<K> = K extends string ? K : K extends readonly (infer E)[] ? Flat<E> : never;

type Tagged<K> = K extends Tag ? true : K extends readonly (infer E)[] ? Tagged<E> : false;

/** A right operand of `>>`: an operator whose rule finds no fault with the columns of L. */
export type Right<L, R> =
  R extends Op<infer Q>
    ? L extends Node<infer S>
      ? [Apply<Q, S, "fault">] extends [never]
        ? R
        : Apply<Q, S, "fault">
      : R
    : "right of >> must be an operator, such as clip({ min: 0 })";

/** The type of `>>`. */
export type Chain<L, R> =
  L extends Node<infer S, infer A>
    ? R extends Op<infer Q>
      ? [Apply<Q, S, "fault">] extends [never]
        ? Apply<Q, S, "out"> extends infer O extends string
          ? Node<O, A>
          : Unknown
        : Unknown
      : Unknown
    : Unknown;

/** After a fault: any columns, so that one mistake is reported once. */
type Unknown = Node<string>;

type Clash<A extends string, B extends string> =
  IsUnknown<A> extends true
    ? never
    : IsUnknown<B> extends true
      ? never
      : Extract<NameOf<Exclude<A, B>>, NameOf<Exclude<B, A>>>;

/** Options with which the right side provides what both sides have. */
type Wins = { readonly wins: "right" };

/** A right operand of `+`. `W` are the options of `.plus`: where the right side wins, it may have any names. */
export type RightOfPlus<L, R, W = unknown> =
  L extends Node<infer A>
    ? R extends Node<infer B>
      ? [W extends Wins ? never : Clash<A, B>] extends [never]
        ? R
        : `both sides of + provide "${Clash<A, B>}": drop or rename one`
      : "right of + must be a node or a list of columns"
    : R;

/** The columns of A that B does not have, and those of B. */
type Overridden<A extends string, B extends string> = IsUnknown<B> extends true ? string : Without<A, NameOf<B>> | B;

/** The type of `+`; numbers and texts keep theirs. */
export type Plus<L, R, W = unknown> =
  L extends Node<infer A, infer P>
    ? R extends Node<infer B, infer Q>
      ? (W extends Wins ? Overridden<A, B> : A | B) extends infer O extends string
        ? Node<O, P | Q>
        : Unknown
      : Unknown
    : L extends number
      ? number
      : L extends bigint
        ? bigint
        : string;

/** A right operand of `-`. */
export type RightOfMinus<R> = R extends AnyNode | Names ? R : "right of - must be a node or column names";

/** The type of `-`. */
export type Minus<L, R> =
  L extends Node<infer A, infer P>
    ? R extends Node<infer B>
      ? Without<A, NameOf<B>> extends infer O extends string
        ? Node<O, P>
        : never
      : true extends Tagged<R>
        ? Unknown
        : Without<A, Flat<R> & string> extends infer O extends string
          ? Node<O, P>
          : never
    : number;

/** Names that are there, for names that are not literals, and for the editor, which offers these inside `[""]`. */
type NamesOf<N extends string> = N | readonly (N | readonly N[])[];

/** A value between brackets. */
export type RightOfPick<N, K> =
  N extends Node<infer S>
    ? IsUnknown<S> extends true
      ? K
      : string extends Flat<K>
        ? NamesOf<NameOf<S>>
        : [Exclude<Flat<K>, NameOf<S> | "*">] extends [never]
          ? K
          : `no column "${Exclude<Flat<K>, NameOf<S> | "*"> & string}" in this node`
    : K;

/** The type of `[]`: the node's columns, or the member of any other object. */
export type Pick<N, K> =
  N extends Node<infer S, infer A>
    ? true extends IsUnknown<S> | Tagged<K>
      ? Node<string, A>
      : [Exclude<Flat<K>, NameOf<S> | "*">] extends [never]
        ? Keep<S, "*" extends Flat<K> ? NameOf<S> : Flat<K> & string> extends infer O extends string
          ? Node<O, A>
          : Unknown
        : Unknown
    : K extends keyof N
      ? N[K]
      : undefined;

export interface PlusOptions {
  /** Which side provides a column that both have; without it that is an error. */
  readonly wins?: "right";
}

/** Describes the fault in a list of names. */
function describeNames(value: unknown): string {
  const all = Array.isArray(value) ? [...value].flat() : [value];
  const odd = all.find(entry => !isOne(entry));
  return Array.isArray(odd) ? "a group inside a group" : describeValue(odd);
}

export const unknown = (site?: number): AnyNode => new Node<string>({ kind: "unknown" }, site);

const isOne = (value: unknown): value is string | Tag => typeof value === "string" || isTag(value);

/** A hole (`["a",, "b"]`) is not a name, and `every` alone would skip it. */
const isNames = (value: unknown): value is Names =>
  isOne(value) ||
  (Array.isArray(value) &&
    [...value].every(entry => isOne(entry) || (Array.isArray(entry) && [...entry].every(isOne))));

const selector = (value: string | Tag): ColumnSelector => (isTag(value) ? { tags: [...value.tags] } : value);

const selectors = (value: Names): Selector[] =>
  isOne(value)
    ? [selector(value)]
    : value.map(entry => (isOne(entry) ? selector(entry) : { group: entry.map(selector) }));

/** `left >> right`. */
export function chain(left: unknown, right: unknown, site?: number): AnyNode {
  if (!isNode(left)) {
    recordFault(
      Array.isArray(left) && left.some(isNode)
        ? messages.graphNodeList({})
        : messages.graphNotANode({ operator: ">>", seen: describeValue(left) }),
      site,
      "left",
    );
    return unknown(site);
  }
  // The cause is already reported.
  if (isNode(right) && right.data.kind === "unknown") return unknown(site);
  if (!isOp(right)) {
    recordFault(
      messages.graphNotAnOperator({ seen: describeValue(right), example: "clip({ min: 0 })" }),
      site,
      "right",
    );
    return unknown(site);
  }
  return new Node({ kind: "apply", op: right, input: left }, site);
}

/** `left + right`, for nodes. */
export function plus(left: AnyNode, right: unknown, site?: number, options: PlusOptions = {}): AnyNode {
  if (isNode(right)) return new Node({ kind: "plus", left, right, ...options }, site);
  recordFault(
    Array.isArray(right) && right.some(isNode)
      ? messages.graphNodeList({})
      : messages.graphNotAddable({ operator: "+", seen: describeValue(right) }),
    site,
    "right",
  );
  return unknown(site);
}

/** `left - right`, for nodes. */
export function minus(left: AnyNode, right: unknown, site?: number): AnyNode {
  if (isNode(right)) return new Node({ kind: "minus", left, right }, site);
  if (isNames(right)) return new Node({ kind: "minus", left, right: selectors(right) }, site);
  recordFault(messages.graphNotAddable({ operator: "-", seen: describeValue(right) }), site, "right");
  return unknown(site);
}

/** `node[names]`. */
export function pick(node: AnyNode, key: Names, site?: number): AnyNode {
  if (!isNames(key)) {
    recordFault(messages.graphNames({ operator: "[]", seen: describeNames(key) }), site, "right");
    return unknown(site);
  }
  return new Node({ kind: "pick", input: node, names: selectors(key) }, site);
}
