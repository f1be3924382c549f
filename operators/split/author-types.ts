/** The types of `split`: arms have the same columns. */
import type { AnyNode } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import type { ColumnsOfNode } from "../shared/author/ordering.js";
import type { GuardrailInput } from "./spec.js";

/** Nodes by the name of their arm. */
export type Arms = Readonly<Record<string, AnyNode>>;

type ColumnsOfArms<A extends Arms> = { [N in keyof A]: ColumnsOfNode<A[N]> }[keyof A];

/** Those that are literals: after a fault of an arm, its columns are `any`, any text, or texts of a pattern. */
type Known<S extends string> = 0 extends 1 & S
  ? never
  : S extends unknown
    ? Record<never, never> extends Record<S, 1>
      ? never
      : S
    : never;

/** Columns that an arm lacks, and another one has. */
type Lacking<A extends Arms, N extends keyof A> = Known<Exclude<ColumnsOfArms<A>, ColumnsOfNode<A[N]>>>;

/**
 * The arms, or a sentence for each about the column that it lacks. An arm in error has the type of an error. With `infer` the whole type is
 * one too, which any arms fulfill.
 */
export type EqualArms<A extends Arms> = { [N in keyof A]: Lacking<A, N> }[keyof A] extends infer All
  ? [All] extends [never]
    ? A
    : {
        readonly [N in keyof A]: [Lacking<A, N>] extends [never]
          ? A[N]
          : `arm "${N & string}" lacks "${Lacking<A, N>}", which another arm has`;
      }
  : never;

export interface SplitOptions<A extends Arms = Arms> {
  readonly weights?: { readonly [N in keyof A]?: number };
  readonly salt?: string;
  readonly guardrail?: GuardrailInput;
}

export interface SplitRule<A extends Arms> extends Rule {
  readonly fault: NotOne<"split", this["S"]>;
  readonly out: ColumnsOfArms<A>;
}
