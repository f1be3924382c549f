/**
 * The columns one stage of an ensemble makes → the tensors by which the next stage reads them.
 */

import { type ColumnTensor, stageColumn } from "../../../contract/column-tensors.js";
import type { Plan, PlanStage } from "../../../contract/plan.js";
import { type ColumnSchema, hasNullLists } from "../../../contract/schema.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { castValues } from "../../base/columns/cast.js";
import type { Column } from "../../base/columns/table.js";
import { valuesTensor } from "../../base/columns/tensor-values.js";
import { internal } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";
import { listMarks } from "./merlon-outputs.js";

/**
 * @param config says whether a scalar is `[n]` or `[n, 1]`, and whether a vector's nulls are `[n, width]` or, in older builds, `[n * width]`
 * @returns columns → tensors
 */
export function stageWriter(
  { outputs }: Plan,
  stage: PlanStage,
  config: ModelConfig,
): (columns: ReadonlyMap<string, Column>) => Tensor[] {
  const nullable = new Set(stage.nullable.outputs);
  const ranks = new Map(config.output.map(({ name, dims }) => [name, dims.length]));
  const written = outputs.map(({ schema }) => {
    const mayBeNull = nullable.has(schema.name);
    const tensors = stageColumn(schema, { nullable: mayBeNull });
    return { schema, mayBeNull, tensors: tensors.map(one => ({ ...one, rank: ranks.get(one.name) })) };
  });
  return columns => [
    ...written.flatMap(({ schema, mayBeNull, tensors }) => {
      const col = columns.get(schema.name)!;
      if (!mayBeNull && col.validity?.includes(0))
        throw internal(
          `column \`${schema.name}\` holds nulls, and the plan says that it can not. Build the ensemble again.`,
        );
      return tensors.map(one => partTensor(one, schema, col));
    }),
    ...stage.makes.flatMap(({ id, offsets }) => {
      const first = outputs.find(({ schema }) => schema.rows === id);
      const made = first && columns.get(first.schema.name)!.rows.offsets;
      return made ? [valuesTensor(offsets, "int32", [made.length], made)] : [];
    }),
  ];
}

function partTensor(
  { name, part, rank }: ColumnTensor & { readonly rank: number | undefined },
  schema: ColumnSchema,
  col: Column,
): Tensor {
  const { values, offsets, validity, rows, width = 1 } = col;
  if (part === "offsets") return valuesTensor(name, "int32", [offsets!.length], offsets!);
  if (part === "validity" && hasNullLists(schema)) return listMarks(name, col);
  const shape = !offsets && rank === 2 ? [rows.count, width] : [values.length];
  if (part === "validity") return valuesTensor(name, "bool", shape, validity ?? new Uint8Array(values.length).fill(1));
  const cast = castValues(values, col.dtype, schema.dtype, `output \`${schema.name}\``);
  return valuesTensor(name, schema.dtype, shape, cast);
}
