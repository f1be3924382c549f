/** The shared part of one ensemble's ONNX models, and the construction of each. */
import { type AnyStep, type ColumnRef, REQUEST_STEP } from "../../../contract/plan.js";
import { multiplies } from "../../../contract/step-facts.js";
import type { LoweredColumn } from "../../../operators/shared/onnx/lowered-column.js";
import { finishGraph } from "../../onnx/finish-graph.js";
import { graphBuilder } from "../../onnx/graph-builder.js";
import { placeKey } from "../ensemble/refs.js";
import type { StageSplit } from "../ensemble/split-into-stages.js";
import type { Stage } from "../ensemble/target.js";
import { instanceGroups } from "../settings/apply-settings.js";
import type { Settings } from "../settings/read-settings.js";
import { drawingInstances } from "./drawing-instances.js";
import type { LowerOptions } from "./lower-plan.js";
import { graphFiles, programParameter } from "./program-parameter.js";
import { type ColumnEdge, type RowsEdge, type StageGraph, stageGraph } from "./stage-graph.js";

export interface OnnxStages {
  readonly split: StageSplit;
  readonly options: LowerOptions;
  /** By place: columns that earlier stages made. */
  readonly columns: Map<string, ColumnEdge>;
  readonly rows: Map<string, RowsEdge>;
  /** A column in the graph of a stage that reads it. */
  columnIn(at: StageGraph, ref: ColumnRef): LoweredColumn;
  /** Makes a model. @param step the step it computes; undefined if it only reshapes tensors */
  stage(label: string, step: AnyStep | undefined, write: (at: StageGraph) => void): Stage;
}

export function onnxStages(split: StageSplit, settings: Settings, options: LowerOptions): OnnxStages {
  const { plan, entry } = split;
  const columns = new Map<string, ColumnEdge>();
  const rows = new Map<string, RowsEdge>();
  return {
    split,
    options,
    columns,
    rows,
    columnIn: (at, ref) =>
      ref.step === REQUEST_STEP ? at.requestColumn(split.column(ref)) : at.column(columns.get(placeKey(ref))!),
    stage: (label, step, write) => {
      const g = graphBuilder();
      const at = stageGraph(g, rows, entry.form);
      write(at);
      const { inputs, outputs } = at;
      const model = split.modelName(label);
      const groups = drawingInstances(step ? [step] : [], groupsOf(step, settings), options.note);
      const same = (tensors: StageGraph["inputs"]) => Object.fromEntries(tensors.map(({ name }) => [name, name]));
      return {
        model,
        inputs: same(inputs),
        outputs: same(outputs),
        made: {
          name: model,
          config: {
            name: model,
            backend: "onnxruntime",
            max_batch_size: 0,
            input: [...inputs],
            output: [...outputs],
            ...programParameter(plan),
            ...instanceGroups(groups),
          },
          files: graphFiles(finishGraph(g, model, options.release, { limit: options.limit })),
        },
      };
    },
  };
}

/** Look-ups and texts run on the CPU; a search is a product of matrices, and runs on the models' device. */
function groupsOf(
  step: AnyStep | undefined,
  { instanceGroups: own, onnxInstanceGroups: models }: Settings,
): NonNullable<Settings["instanceGroups"]> {
  if (step && multiplies(step.op) && models) return models;
  return own ?? [{ count: 1, kind: "cpu" }];
}
