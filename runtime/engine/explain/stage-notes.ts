/**
 * The outputs of one run's steps, as tensors with names: for `merlon diff`, which compares them, and for the page, which shows the first of
 * them.
 */

import type { AnyStep, Plan } from "../../../contract/plan.js";
import { datatype } from "../../../triton-protos/datatype.js";
import type { Column, Values } from "../../base/columns/table.js";
import { valuesTensor } from "../../base/columns/tensor-values.js";
import type { Tensor } from "../../base/tensor.js";
import type { PlanResult } from "../schedule/plan-result.js";

/** The stages that ran, in the order of the plan. */
export interface StageNote {
  readonly stage: string;
  readonly tensors: readonly Tensor[];
}

export const stageNotes = (plan: Plan, { columnOf }: Pick<PlanResult, "columnOf">): readonly StageNote[] =>
  plan.steps.flatMap(step => {
    const tensors = stepTensors(step, columnOf);
    return tensors.length > 0 ? [{ stage: step.label, tensors }] : [];
  });

/** @param most elements of each tensor, copied; without it all of them, as views */
export const stepTensors = (step: AnyStep, columnOf: PlanResult["columnOf"], most?: number): readonly Tensor[] =>
  step.outputs.flatMap(({ name }) => {
    const column = columnOf(step.id, name);
    return column ? columnTensors(name, column, most) : [];
  });

/** Values, and before them what says which row they belong to. Shapes are those of the whole. */
function columnTensors(
  name: string,
  { dtype, values, offsets, width, rows, validity: ofValues, listValidity }: Column,
  most?: number,
): readonly Tensor[] {
  const validity = listValidity ?? ofValues;
  const head = <V extends Values>(list: V): V => (most === undefined ? list : (list.slice(0, most) as V));
  const shape = width === undefined ? [values.length] : [rows.count, width];
  const int32 = (label: string, list: Int32Array): Tensor => valuesTensor(label, "int32", [list.length], head(list));
  return [
    ...(rows.offsets ? [int32(`${name} (rows per request)`, rows.offsets)] : []),
    ...(offsets ? [int32(`${name} (list offsets)`, offsets)] : []),
    ...(validity
      ? [
          {
            name: `${name} (validity)`,
            datatype: datatype("bool").wire,
            shape: [validity.length],
            data: head(validity),
          },
        ]
      : []),
    valuesTensor(name, dtype, shape, head(values)),
  ];
}
