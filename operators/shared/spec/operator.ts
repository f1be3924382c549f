/**
 * The spec of an operator: what its step carries in a plan, and the facts that the compiler, the runtime and the tools read instead of lists of names.
 */
import type { z } from "zod";
import type { Expression } from "../../../contract/expression.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import type { DType } from "../../../triton-protos/datatype.js";
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

/** A step, as far as its columns can be told from it. */
export interface StepColumns<P> {
  readonly params: P;
  readonly inputs: Readonly<Record<string, readonly { readonly name: string }[]>>;
  readonly outputs: readonly ColumnSchema[];
}

/** What of a step is different where only some of its columns are read. Columns and references stay the same objects. */
export type Narrow<P> = (step: StepColumns<P>, isRead: (column: string) => boolean) => Partial<StepColumns<P>>;

export interface OperatorSpec<P extends z.ZodType = z.ZodType> {
  /** Author's parameters, defaults filled in. */
  readonly params: P;
  readonly facts: Facts<z.output<P>>;
  /** What a step does, in a few words; parameters that say something are in them. */
  readonly describe: (step: Described<z.output<P>>) => string;
  /** Expressions that are all that it computes, and what each makes. */
  readonly expressions?: (step: StepColumns<z.output<P>>) => readonly (readonly [Expression, DType])[];
  /** Whether a column that it makes may hold nulls, where the fact `nulls` says that some may; unless given, each of them. @param read whether each input column may */
  readonly mayBeNull?: (step: StepColumns<z.output<P>>, column: string, read: readonly boolean[]) => boolean;
  /** Leaves columns out that nobody reads; unless given, an operator that makes each column from one leaves out that one too, and others make all. */
  readonly narrow?: Narrow<z.output<P>>;
}

/** Declares an operator; a fact that is missing does not compile. */
export const operator = <P extends z.ZodType>(spec: OperatorSpec<P>): OperatorSpec<P> => spec;
