/**
 * The spec of an operator: the content of its step in a plan, and the facts that the compiler, the runtime and the tools read.
 */
import type { z } from "zod";
import type { Expression } from "../../../contract/expression.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import type { DType } from "../../../triton-protos/datatype.js";
import type { Facts } from "./facts.js";
import type { Ports } from "./ports.js";

/** A step, as far as its description needs it. */
export interface Described<P> {
  readonly params: P;
  /** Columns that it reads at a port, listed. */
  names(port: string): string;
  has(port: string): boolean;
  /** The descriptions of a fused step's parts. */
  readonly parts: readonly string[];
}

/** A step, as far as its columns depend on it. */
export interface StepColumns<P> {
  readonly params: P;
  readonly inputs: Readonly<Record<string, readonly { readonly name: string }[]>>;
  readonly outputs: readonly ColumnSchema[];
}

/** The changes to a step if only some of its columns are read. Columns and references stay the same objects. */
export type Narrow<P> = (step: StepColumns<P>, isRead: (column: string) => boolean) => Partial<StepColumns<P>>;

/**
 * The state that `merlon fit` learns for a step (for each column that it reads, for each that it makes, or tables), and its form.
 */
export interface Learns<S extends z.ZodType = z.ZodType> {
  readonly of: "inputs" | "outputs" | "tables";
  /** The state by column, `{ columns }`: a record by name. */
  readonly state: S;
}

/** The number of columns of an operator: one for each that it reads at `input`, in their order, a constant, or by its parameters. */
// biome-ignore lint/suspicious/noExplicitAny: parameters differ by operator, and specs of all operators are in one record
export type Makes = 1 | 2 | "each" | ((params: any) => number);

/** State and artefacts are `never` of operators without any. */
export interface OperatorSpec<
  P extends z.ZodType = z.ZodType,
  I extends Ports = Ports,
  S extends z.ZodType = z.ZodType,
  A extends z.ZodType = z.ZodType,
  M extends Makes = Makes,
> {
  /** Author's parameters, defaults filled in. */
  readonly params: P;
  /** By which names it reads columns, and how many at each. */
  readonly ports: I;
  /** Unless given, its parameters decide. */
  readonly makes?: M;
  readonly learns?: Learns<S>;
  /** Files that its step opens at load, by name; see `artefactPath`. */
  readonly artefacts?: A;
  /** Its columns are those that it reads, in order: kernel, lowering and SQL form are those in `operators/shared`. */
  readonly identity?: true;
  /** Its step does several steps of the author's, its parts. */
  readonly hasParts?: true;
  readonly facts: Facts<z.output<P>>;
  /** A short description of a step, with its notable parameters. */
  readonly describe: (step: Described<z.output<P>>) => string;
  /** Expressions that are its whole computation, and their dtypes. */
  readonly expressions?: (step: StepColumns<z.output<P>>) => readonly (readonly [Expression, DType])[];
  /**
   * Whether a column that it makes may hold nulls, if the fact `nulls` says that some may; by default, each of them. @param read whether
   * each input column may
   */
  readonly mayBeNull?: (step: StepColumns<z.output<P>>, column: string, read: readonly boolean[]) => boolean;
  /** Omits unread columns. By default, an operator that makes each column from one omits that one too, and others make all. */
  readonly narrow?: Narrow<z.output<P>>;
}

/** Declares an operator; a fact that is missing does not compile. */
export const operator = <
  P extends z.ZodType,
  const I extends Ports,
  S extends z.ZodType = never,
  A extends z.ZodType = never,
  const M extends Makes = never,
>(
  spec: OperatorSpec<P, I, S, A, M>,
): OperatorSpec<P, I, S, A, M> => spec;
