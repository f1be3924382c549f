/**
 * An operator's effect on columns, as a type function: `this["S"]` is its input, `out` its output, `fault` a sentence that explains a fault
 * (or never). One line for a polymorphic operator, and the editor shows the sentence at the operand.
 */
import type { IsUnknown, Text } from "./column.js";

export interface Rule {
  readonly S: string;
  readonly out: string;
  readonly fault: string;
}

/** Applies a rule to the columns S. */
export type Apply<R extends Rule, S extends string, K extends "out" | "fault"> = (R & { readonly S: S })[K];

/** The columns stay as they are. */
export interface SameRule extends Rule {
  readonly fault: never;
  readonly out: this["S"];
}

/** An artefact decides: nothing is known before it is read. */
export interface OpenRule extends Rule {
  readonly fault: never;
  readonly out: string;
}

/** The fault of an operator that only works on numbers. */
export type NumbersOnly<Op extends string, S extends string> =
  IsUnknown<S> extends true
    ? never
    : [Text<S>] extends [never]
      ? never
      : `${Op} works on numbers, but "${Text<S>}" is text`;
