/**
 * The contract of an operator's compile half: its inputs, its outputs and its faults, before any data is read.
 */
import type { z } from "zod";
import type { ArtefactReader } from "../../../compiler/3-graph/artefacts.js";
import type { DiagnosticSite, Message } from "../../../compiler/diagnostics/diagnostic.js";
import type { LambdaReference } from "../../../compiler/dsl/lambda.js";
import type { UserFunction } from "../../../compiler/lambda/user-function.js";
import type { OpKind, OpParams } from "../../../contract/op-params.js";
import type { PortColumnsOfAuthor } from "../../../contract/op-state.js";
import type { Plan } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import type { Bound, Scope } from "./bound.js";

/** The place of a fault: an operand, or a text literal within the right one. */
export type Blame =
  | "left"
  | "right"
  | { readonly literal: string }
  | { readonly option: string }
  | { readonly dependency: string }
  | { readonly at: DiagnosticSite };

/** The arguments of `infer`. */
export interface Call<Author> {
  /** Parameters as the author wrote them, parsed. */
  readonly params: Author;
  /** Id of the step to be; also the name of rows it makes. */
  readonly id: string;
  /** Name of the ensemble or workflow. */
  readonly program: string;
  readonly input: Scope;
  /**
   * The same columns as the author listed them: one entry per column, or per column group (`[["item_id", "brand"]]`), in order. Longer ones
   * only where the operator's spec says `grouped`. A column may be in several entries.
   */
  readonly groups: readonly Scope[];
  /** Columns of a dependency; empty when the author gave something else (already reported). */
  dependency(port: string): Scope;
  readonly artefacts: ArtefactReader;
  /** The model of an ONNX file, or of bytes from a file, under a name of its own. @param path as the author wrote it */
  model(path: string, from: string, bytes?: Uint8Array): NonNullable<Inferred<OpKind>["model"]>;
  /** A unique name of a file or folder beside the plan. @param path as the author wrote it @param from distinguishes it from others */
  artefactName(path: string, from: string): string;
  /** The plan of a fitted workflow as it is served. */
  served(plan: Plan): Plan;
  /** Reads a user's function; reports one whose text is out of sight. */
  readFunction(reference: LambdaReference, operator: string): UserFunction | undefined;
  /** The result of `merlon fit` for this step, after a fit. */
  readonly state: unknown;
  /** Rows that a step made → the rows they are grouped by. */
  parentRows(rows: string): string | undefined;
  /** The candidates whose ids a column holds; undefined if they are not from one file. */
  candidatesIn(column: Bound): Candidates | undefined;
  /** Path of the fitted workflow that made a column, as the author wrote it. */
  workflowOf(column: Bound): string | undefined;
  /** Reports a fault; returns undefined so that `infer` can end with it. */
  readonly fail: Fail;
  /** Reports parameters or columns that the operator does not take: `fail` with its name. @param way out */
  refuse(problem: string, way: string, blame?: Blame): undefined;
  /** Reports a column of a type that the operator does not take. @param wanted the types that it takes @param way out */
  refuseType(column: ColumnSchema, wanted: string, way: string, blame?: Blame): undefined;
  /** Reports what compiles, but is hardly what was meant. */
  readonly warn: Fail;
}

export type Fail = (
  message: Message,
  blame?: Blame,
  related?: readonly { readonly note: string; readonly of: Bound }[],
) => undefined;

/**
 * A file that a step needs beside the plan. A copy of a file or folder, the committed state of a SQLite store, a text, or bytes. `to` is
 * relative to the plan.
 */
export type ArtefactFile = { readonly to: string } & (
  | { readonly from: string }
  | { readonly store: string }
  | { readonly text: string }
  | { readonly bytes: Uint8Array }
);

/** The items that a step may bring as candidates, as a file names them. */
export interface Candidates {
  /** The file, as the author wrote it. */
  readonly path: string;
  /** The file has positions from 0 instead of ids. */
  readonly arePositions: boolean;
  /** At most N ids, spread over the file. */
  some(most: number): readonly (bigint | string)[];
}

/** A step, once its input is known. */
export interface Inferred<K extends OpKind> {
  readonly params: OpParams[K];
  readonly inputs: PortColumnsOfAuthor<Bound>[K];
  readonly outputs: readonly ColumnSchema[];
  /** Makes new rows, grouped by these. */
  readonly madeRows?: { readonly parent: string };
  /** The candidates that it brings. */
  readonly candidates?: Candidates;
  /** Artefact paths by logical name, relative to the plan. */
  readonly artefacts?: Readonly<Record<string, string>>;
  readonly files?: readonly ArtefactFile[];
  /** ONNX file, or the bytes of one, that becomes a model of its own. */
  readonly model?: { readonly name: string; readonly from: string; readonly bytes?: Uint8Array };
}

export interface OpDefinition<K extends OpKind = OpKind, Author = unknown> {
  readonly kind: K;
  /** Parameters that are arguments before the options, and not among these. */
  readonly positional?: readonly string[];
  /** Options that are nodes and not parameters. */
  readonly nodeOptions?: readonly string[];
  /** Parses what the author wrote. */
  readonly params: z.ZodType<Author>;
  /** Undefined after a fault: the step's columns are then unknown, and nothing that reads them is reported. */
  infer(call: Call<Author>): Inferred<K> | undefined;
}

/** Writes an operator's compile half, checking it against the plan's parameters. */
export const defineOp = <K extends OpKind, Author>(definition: OpDefinition<K, Author>): OpDefinition<K, Author> =>
  definition;
