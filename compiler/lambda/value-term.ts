/**
 * The value of a part of a user's function.
 */
import type { Expression } from "../../contract/expression.js";
import type { FoundType } from "../../contract/expression-type.js";

/** A number, or the numbers of a list, as integers. */
export interface IntegerForm {
  readonly expression: Expression;
  /** An integer beside integers alone, such as a literal: it is a number otherwise. */
  readonly flexible: boolean;
}

export interface ValueTerm {
  readonly kind: "value";
  readonly type: FoundType;
  readonly expression: Expression;
  /** The exact form of a number or a list of numbers that may be integers; `expression` has them as doubles. */
  readonly integer?: IntegerForm;
  /** Integers that this number is the quotient of. */
  readonly quotient?: readonly Expression[];
}
