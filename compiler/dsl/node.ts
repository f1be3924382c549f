/**
 * Nodes and operators as values. A node is an immutable description of columns-to-be; running an ensemble file builds these and nothing
 * else.
 */
import type { OpKind } from "../../triton-protos/op-params.js";
import type { ArtefactOf, PathOf } from "./artefacts.js";
import type { ColumnsOf, ColumnType } from "./column.js";
import {
  type Chain,
  chain,
  type Minus,
  minus,
  type Names,
  type Pick,
  type Plus,
  type PlusOptions,
  pick,
  plus,
  type Right,
  type RightOfMinus,
  type RightOfPick,
  type RightOfPlus,
} from "./operators.js";
import type { Rule } from "./rule.js";
import type { Selector } from "./selector.js";

/** What a node is made of. */
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
 * Columns-to-be. `C` is the union of its columns, as `"float32 price" | "int64 user_id"`; `A` those of the source they come from, which is what a
 * request to an ensemble brings.
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

  /** Keeps the named columns, in the order asked: the method form of `[]`. */
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
    /** What `cached` was told. */
    readonly cache?: unknown,
  ) {}

  /** @internal */
  [Symbol.toPrimitive](): never {
    throw new Error(uncompiled);
  }
}

/**
 * Declares the columns that arrive from outside: the request of an ensemble, the table of a workflow.
 * @example const request = source({ user_id: "int64" });
 */
export function source<const D extends Readonly<Record<string, ColumnType>>>(
  columns: D,
  site?: number,
): Node<ColumnsOf<D>, ColumnsOf<D>> {
  return new Node({ kind: "source", columns }, site);
}

/**
 * Takes the columns, with their tags and properties, from one of Merlin's schema files, as NVTabular and Merlin's tools write them.
 * @param path `.merlin/schema.json` or `schema.pbtxt`, or a folder that holds one of them; relative to this file
 * @example const events = source.fromSchema("data/train");
 */
source.fromSchema = <const P extends PathOf<"schema">>(
  path: P,
  site?: number,
): Node<[ArtefactOf<P, "schema">] extends [never] ? string : ArtefactOf<P, "schema">["columns"]> =>
  new Node({ kind: "schema", path }, site);

export const isNode = (value: unknown): value is AnyNode => value instanceof Node;
export const isOp = (value: unknown): value is AnyOp => value instanceof Op;
