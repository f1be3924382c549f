/**
 * The spec of an operator: what its step carries in a plan, and the facts that the compiler, the runtime and the tools read instead of lists of names.
 */
import type { z } from "zod";
import type { Facts } from "./facts.js";

export interface OperatorSpec<P extends z.ZodType = z.ZodType> {
  /** Author's parameters, defaults filled in. */
  readonly params: P;
  readonly facts: Facts<z.output<P>>;
}

/** Declares an operator; a fact that is missing does not compile. */
export const operator = <P extends z.ZodType>(spec: OperatorSpec<P>): OperatorSpec<P> => spec;
