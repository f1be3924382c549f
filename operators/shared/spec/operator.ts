/**
 * The spec of an operator: what its step carries in a plan, and the facts that the compiler, the runtime and the tools read instead of lists of names.
 */
import type { z } from "zod";
import type { Facts } from "./facts.js";

/** A step, as far as its description tells of it. */
export interface Described<P> {
  readonly params: P;
  /** Columns that it reads at a port, listed. */
  names(port: string): string;
  has(port: string): boolean;
  /** What the parts of a fused step do. */
  readonly parts: readonly string[];
}

export interface OperatorSpec<P extends z.ZodType = z.ZodType> {
  /** Author's parameters, defaults filled in. */
  readonly params: P;
  readonly facts: Facts<z.output<P>>;
  /** What a step does, in a few words; parameters that say something are in them. */
  readonly describe: (step: Described<z.output<P>>) => string;
}

/** Declares an operator; a fact that is missing does not compile. */
export const operator = <P extends z.ZodType>(spec: OperatorSpec<P>): OperatorSpec<P> => spec;
