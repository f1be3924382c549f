/** The types of `split`: arms have the same columns. */
import type { IsUnknown } from "../../compiler/dsl/column.js";
import type { AnyNode } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import type { ColumnsOfNode } from "../shared/author/ordering.js";

/** Nodes by the name of their arm. */
export type Arms = Readonly<Record<string, AnyNode>>;

type ColumnsOfArms<A extends Arms> = { [N in keyof A]: ColumnsOfNode<A[N]> }[keyof A];

/** Columns that an arm lacks, and another one has. */
type Lacking<A extends Arms, N extends keyof A> =
  IsUnknown<ColumnsOfArms<A>> extends true ? never : Exclude<ColumnsOfArms<A>, ColumnsOfNode<A[N]>>;

/** Each arm, or a sentence about the column that it lacks. */
export type EqualArms<A extends Arms> = {
  readonly [N in keyof A]: [Lacking<A, N>] extends [never]
    ? A[N]
    : `arm "${N & string}" lacks "${Lacking<A, N>}", which another arm has`;
};

export interface SplitOptions<A extends Arms = Arms> {
  readonly weights?: { readonly [N in keyof A]?: number };
  readonly salt?: string;
}

export interface SplitRule<A extends Arms> extends Rule {
  readonly fault: NotOne<"split", this["S"]>;
  readonly out: ColumnsOfArms<A>;
}
