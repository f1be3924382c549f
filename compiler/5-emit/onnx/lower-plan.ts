/**
 * Plan → one ONNX graph, from the request's tensors to the answer's.
 */
import type { AnswerForm } from "../../../contract/answer-form.js";
import { offsetsName, valuesName } from "../../../contract/column-tensors.js";
import type { FeastTables } from "../../../contract/feast-tables.js";
import { zip } from "../../../contract/lists.js";
import { type AnyStep, type ColumnRef, type FittedPlan, REQUEST_STEP, type Step } from "../../../contract/plan.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import type { LoweredColumn, RowSet } from "../../../operators/shared/onnx/lowered-column.js";
import {
  type Key,
  type LowerContext,
  LoweringFault,
  type WholeSearch,
} from "../../../operators/shared/onnx/lowering.js";
import { type GraphBuilder, graphBuilder } from "../../onnx/graph-builder.js";
import type { TritonRelease } from "../../onnx/triton-releases.js";
import { isPassed, liveSteps, placeKey } from "../ensemble/refs.js";
import { answer } from "./answers.js";
import { lowerStep } from "./lower-step.js";
import { lowerEach } from "./not-lowered.js";
import { requestTensors } from "./request-columns.js";

/** The inputs of steps beside their columns. */
export interface LowerOptions {
  readonly release: TritonRelease;
  readonly form: AnswerForm;
  /** Name of the ensemble. */
  readonly program?: string;
  /** Answers that say which of their values are null. */
  readonly nullable?: ReadonlySet<string>;
  readonly ivf: "probe" | "exact";
  /** Most bytes of a graph; protobuf's 2 GB unless given. */
  readonly limit?: number | undefined;
  file(step: AnyStep, path: string): string;
  feast(step: Step<"queryFeast">): FeastTables;
  model(step: AnyStep): { readonly path: string; readonly bytes: Uint8Array };
  /** Keys that a step looks up in a column. */
  keys?(column: string, values: ArrayLike<Key>): void;
  /** A step searches all of an index that its kernel searches in part. */
  searchesAll?(step: string, index: WholeSearch): void;
  note(text: string): void;
}

/** The context in which a step is lowered. */
export function contextOf(g: GraphBuilder, step: AnyStep, options: LowerOptions): LowerContext {
  return {
    g,
    release: options.release,
    ivf: options.ivf,
    program: options.program ?? "",
    file: path => options.file(step, path),
    feast: options.feast,
    model: options.model,
    note: options.note,
    searchesAll: index => options.searchesAll?.(step.id, index),
    keys: (column, values) => options.keys?.(column, values),
    lowerStep,
    fail: (reason, way) => {
      throw new LoweringFault(reason, way);
    },
  };
}

/**
 * @returns the graph, not yet finished: it has its opset and files
 * @throws NotLoweredError naming every step that has no lowering and is not behind another one
 */
export function lowerPlan(plan: FittedPlan, options: LowerOptions): GraphBuilder {
  const g = graphBuilder();
  for (const { schema } of plan.outputs)
    if (!plan.inputs.some(col => col.name === schema.name))
      for (const name of passedNames(schema.name)) g.reserve(name);
  const tensors = plan.inputs.map(col => requestTensors(g, col, options.form));
  const request: RowSet = { id: REQUEST_ROWS, count: tensors[0]!.count };
  const columns = new Map<string, LoweredColumn>(
    plan.inputs.map((col, i) => [placeKey({ step: REQUEST_STEP, column: col.name }), tensors[i]!.column(request)]),
  );
  const columnOf = (ref: ColumnRef): LoweredColumn => columns.get(placeKey(ref))!;
  lowerEach(plan.name, liveSteps(plan), step => {
    const made = g.within(step.id, () => lowerStep(step, columnOf, contextOf(g, step, options)));
    for (const [{ name }, col] of zip(step.outputs, made)) columns.set(placeKey({ step: step.id, column: name }), col);
  });
  g.within("answer", () => {
    for (const output of plan.outputs) {
      const { ref, schema } = output;
      if (isPassed(output)) for (const name of passedNames(schema.name)) g.pass(name);
      else answer(g, schema, columnOf(ref), options.form, request.count, options.nullable?.has(schema.name));
    }
  });
  return g;
}

/** Possible tensors of a request column, which never has a validity tensor. */
const passedNames = (column: string): readonly string[] => [column, valuesName(column), offsetsName(column)];
