/**
 * The columns one stage of an ensemble makes → the tensors by which the next stage reads them.
 */

import { stageTensors } from "../../../contract/column-tensors.js";
import type { Plan, PlanStage } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { castValues } from "../../base/columns/cast.js";
import type { Column } from "../../base/columns/table.js";
import { valuesTensor } from "../../base/columns/tensor-values.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";

/** Columns → tensors, for one plan and the configuration that says whether a scalar is `[n]` or `[n, 1]`. */
export function stageAnswer(
  { outputs }: Plan,
  stage: PlanStage,
  config: ModelConfig,
): (columns: ReadonlyMap<string, Column>) => Tensor[] {
  const nullable = new Set(stage.nullable.outputs);
  const ranks = new Map(config.output.map(({ name, dims }) => [name, dims.length]));
  return columns => [
    ...outputs.flatMap(({ schema }) =>
      columnTensors(schema, columns.get(schema.name)!, nullable.has(schema.name), ranks),
    ),
    ...stage.makes.flatMap(({ id, offsets }) => {
      const first = outputs.find(({ schema }) => schema.rows === id);
      const made = first && columns.get(first.schema.name)!.rows.offsets;
      return made ? [valuesTensor(offsets, "int32", [made.length], made)] : [];
    }),
  ];
}

function columnTensors(
  schema: ColumnSchema,
  col: Column,
  nullable: boolean,
  ranks: ReadonlyMap<string, number>,
): Tensor[] {
  const { dtype } = schema;
  if (!nullable && col.validity?.includes(0))
    throw new RuntimeFault(
      "INTERNAL",
      `column \`${schema.name}\` holds nulls, and the plan says that it can not. Build the ensemble again.`,
    );
  return stageTensors(schema, nullable).map(({ name, part }) => {
    if (part === "offsets") return valuesTensor(name, "int32", [col.offsets!.length], col.offsets!);
    if (part === "validity") {
      const validity = col.validity ?? new Uint8Array(col.values.length).fill(1);
      return valuesTensor(name, "bool", [validity.length], validity);
    }
    const values = castValues(col.values, col.dtype, dtype, `output \`${schema.name}\``);
    const { count } = col.rows;
    const matrix = ranks.get(name) === 2;
    return valuesTensor(
      name,
      dtype,
      col.offsets ? [values.length] : matrix ? [count, col.width ?? 1] : [count],
      values,
    );
  });
}
