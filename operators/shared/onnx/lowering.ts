/**
 * The contract of an operator's third half: a step of a plan → nodes of an ONNX graph that mean the same. An operator without one has a
 * reason, and a fix for its author.
 */

import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import { OpsetError } from "../../../compiler/onnx/opset-error.js";
import type { TritonRelease } from "../../../compiler/onnx/triton-releases.js";
import type { FeastTables } from "../../../contract/feast-tables.js";
import type { OpKind } from "../../../contract/op-params.js";
import type { PortColumns } from "../../../contract/op-state.js";
import type { ColumnRef, Fitted, FittedStep, Step } from "../../../contract/plan.js";
import type { OnnxTensor } from "../../../formats/onnx/onnx.js";
import { OnnxTooLargeError } from "../../../formats/onnx/onnx-model.js";
import type { LoweredColumn } from "./lowered-column.js";

/** Parameters with which a kernel searches all of an index, too. */
export type WholeSearch = { readonly nprobe: number } | { readonly efSearch: number };

export type Key = number | bigint | string;

/** Columns by port, each in the order of the step's refs. */
export type LoweredInputs<K extends OpKind = OpKind> = PortColumns<LoweredColumn>[K];

export interface LowerContext {
  readonly g: GraphBuilder;
  readonly release: TritonRelease;
  /** Absolute path of one of the step's artefacts, or of a file of a fitted workflow. */
  file(path: string): string;
  /** Frozen features of a `queryFeast` step. */
  feast(step: Step<"queryFeast">): FeastTables;
  /** The ONNX file of a step's model. */
  model(step: Step<"predictOnnx"> | Step<"predictForest">): { readonly path: string; readonly bytes: Uint8Array };
  readonly ivf: "probe" | "exact";
  /** Name of the ensemble. */
  readonly program: string;
  /** Lowers a step of a workflow that this step applies. */
  lowerStep(
    step: FittedStep,
    columnOf: (ref: ColumnRef) => LoweredColumn,
    context: LowerContext,
  ): readonly LoweredColumn[];
  /** Keys of look-ups in a column: useful test values. */
  keys(column: string, values: ArrayLike<Key>): void;
  /** The step searches all of an index that its kernel searches in part. */
  searchesAll(index: WholeSearch): void;
  /** Something that a person should know of the repository. */
  note(text: string): void;
  /** Ends the lowering of the step. @param reason completes "step `x` (op) can't be lowered: …" @param way what to do */
  fail(reason: string, way: string): never;
}

/** Makes the step's output columns, in the order of `step.outputs`. */
export type Lowering<K extends OpKind> = (
  step: Fitted<K>,
  inputs: LoweredInputs<K>,
  context: LowerContext,
) => readonly LoweredColumn[];

/** How a step that runs a user's model is scheduled where that model stays a model of its own. */
export interface ModelStage {
  readonly model: string;
  /** Input of the model → the column that is bound to it, where one is. */
  readonly columns: Readonly<Record<string, string>>;
  /** Whether the model takes these columns as they are; else a stage before it makes all of its inputs. */
  readonly takesColumns: boolean;
  /** Whether it may run several times for one request, each time on some of the rows. */
  readonly inParts: boolean;
  /** Every input of the model, made of the columns at the step's port `input`. */
  tensors(
    context: LowerContext,
    input: readonly LoweredColumn[],
    wanted: readonly OnnxTensor[],
  ): ReadonlyMap<string, Value>;
  /** Name of the model's output that becomes a column of the step. */
  outputOf(column: string, made: readonly OnnxTensor[]): string;
}

export type StageOfModel<K extends OpKind> = (step: Fitted<K>) => ModelStage;

/** A decision: this operator stays in Merlon's runtime. */
export interface NotLowered {
  readonly notLowered: string;
  readonly way: string;
}

export const KEEP = "keep the Merlon runtime (`--target merlon`)";

/** A step that can't be lowered. */
export class LoweringFault extends Error {
  override readonly name = "LoweringFault";
  /**
   * @param reason a sentence without its full stop
   * @param step id of the program's step at fault; of none of them unless given
   */
  constructor(
    readonly reason: string,
    readonly way: string,
    readonly step?: string,
  ) {
    super(`${reason}. ${way}`);
  }
}

/** An error of a lowering → the fault of a step of the program; undefined for an error that is not a refusal. */
export function faultOf(error: unknown, step?: string): LoweringFault | undefined {
  if (error instanceof LoweringFault) return new LoweringFault(error.reason, error.way, step ?? error.step);
  if (error instanceof OpsetError) return new LoweringFault(error.reason, error.way, step);
  if (error instanceof OnnxTooLargeError)
    return new LoweringFault(
      error.message.replace(/\.$/, ""),
      `Keep fewer keys (\`freqThreshold\`, \`maxSize\`), or ${KEEP}.`,
      step,
    );
  return undefined;
}
