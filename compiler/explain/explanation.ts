/**
 * The explanation of a plan by `merlon explain`, as plain data: the text, Mermaid and HTML forms are printed from it, and `--format json`
 * is it.
 */

import type { AnyStep, Plan } from "../../contract/plan.js";
import type { JsonValue } from "../../contract/schema.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { PassReport } from "../4-plan/optimised.js";
import type { Saving } from "../4-plan/pass.js";
import type { ExplainedLayout } from "./explain-layouts.js";

/** A column of a step (or of `"request"`). */
export interface ColumnAddress {
  readonly step: string;
  readonly column: string;
}

export interface ExplainedColumn {
  readonly name: string;
  readonly dtype: DType;
  /** `float32`, `list<int64>`, `float32[64]`. */
  readonly type: string;
  /** First the rows it has, then a list's length, `"*"` where it varies: `["request", 64]`. */
  readonly shape: readonly (string | number)[];
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, JsonValue>>;
  /** Columns it is made from, one step back. */
  readonly from: readonly ColumnAddress[];
  /** Ids of the steps that read it, `"answer"` where it is answered. */
  readonly readers: readonly string[];
}

export interface ExplainedInput extends ColumnAddress {
  readonly port: string;
  /** Name of the column in the step. */
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (string | number)[];
}

export interface ExplainedStep {
  readonly id: string;
  readonly op: AnyStep["op"];
  /** A short description. */
  readonly does: string;
  /** For a fused step: the author's steps in it. */
  readonly parts?: readonly Pick<ExplainedStep, "id" | "op" | "does" | "params">[];
  /** Steps of one stage need nothing of each other and run side by side. Starts at 1. */
  readonly stage: number;
  readonly params: Readonly<Record<string, unknown>>;
  readonly artefacts: Readonly<Record<string, string>>;
  readonly inputs: readonly ExplainedInput[];
  readonly outputs: readonly ExplainedColumn[];
}

/** A set of rows: the request's, or those that a step makes. */
export interface ExplainedRows {
  readonly id: string;
  /** Rows they are grouped by; null for the request's. */
  readonly parent: string | null;
  /** Most per parent row, where parameters say. */
  readonly most: number | null;
}

export interface ExplainedOutput extends ColumnAddress {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (string | number)[];
}

export interface ExplainedLog {
  /** Names of the kept columns. */
  readonly columns: readonly string[];
  /** Those that are written as hashes. */
  readonly hashed: readonly string[];
  /** Probability with which candidates that were not shown are logged; 0 for none. */
  readonly rate: number;
  readonly retentionDays: number | null;
  /** Why propensities are null; null if they are known. */
  readonly inexact: string | null;
}

export interface Explanation {
  readonly format: "merlon/explanation";
  readonly version: 1;
  readonly kind: Plan["kind"];
  readonly name: string;
  /** File that was explained. */
  readonly origin: string;
  readonly rows: readonly ExplainedRows[];
  readonly inputs: readonly ExplainedColumn[];
  readonly steps: readonly ExplainedStep[];
  readonly outputs: readonly ExplainedOutput[];
  /** The exposure log; null without one. */
  readonly log: ExplainedLog | null;
  /** Changes by passes; null for a built plan, which does not say. */
  readonly passes: readonly PassReport[] | null;
  readonly saved: Required<Saving>;
  /** Models that each layout makes of it; null for a workflow and a built plan. */
  readonly layouts: readonly ExplainedLayout[] | null;
}

/** `[request × 64]`. */
export const printShape = (shape: readonly (string | number)[]): string => `[${shape.join(" × ")}]`;
