/**
 * The tensors of one stage of an ensemble → the columns its plan reads, with their rows: the request's, and candidates' grouped by them.
 */

import { stageTensors } from "../../../contract/column-tensors.js";
import type { PlanStage } from "../../../contract/plan.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS, type Schema } from "../../../contract/schema.js";
import { type Column, childRows, type Rows, rootRows } from "../../base/columns/table.js";
import { tensorValues } from "../../base/columns/tensor-values.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";
import { checkOffsets, dense, type Find, finder, ragged } from "./merlon-inputs.js";

export interface StageColumns {
  readonly columns: ReadonlyMap<string, Column>;
  /** The request's rows; undefined where no input tells them. */
  readonly request: Rows | undefined;
}

/** @throws RuntimeFault naming the tensor that does not fit */
export function stageColumns(schema: Schema, stage: PlanStage, tensors: ReadonlyMap<string, Tensor>): StageColumns {
  const find = finder(tensors);
  const sets = new Map<string, Rows>();
  const sameRows = (id: string) => (count: number, name: string) => {
    const rows = sets.get(id) ?? rootRows(count);
    sets.set(id, rows);
    if (rows.count === count) return rows;
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `input '${name}' has ${count} rows, and other inputs tell of ${rows.count} rows of \`${id}\``,
    );
  };
  for (const { id, grouped } of stage.rows) {
    if (!grouped) continue;
    const offsets = tensorValues(find(grouped.offsets, "int32"), "int32") as Int32Array;
    const last = offsets[offsets.length - 1] ?? 0;
    checkOffsets(grouped.offsets, offsets, "", last);
    sets.set(id, childRows(sameRows(grouped.by)(offsets.length - 1, grouped.offsets), offsets));
  }
  const nullable = new Set(stage.nullable.inputs);
  const columns = new Map(
    schema.map(col => {
      const [values] = stageTensors(col, false);
      const made = isRagged(col)
        ? ragged(col, find, sameRows(col.rows))
        : dense(col, find, sameRows(col.rows), values!.name);
      return [col.name, nullable.has(col.name) ? withNulls(col, made, find) : made];
    }),
  );
  return { columns, request: sets.get(REQUEST_ROWS) };
}

function withNulls({ name }: ColumnSchema, col: Column, find: Find): Column {
  const tensor = `${name}__validity`;
  const validity = tensorValues(find(tensor, "bool"), "bool") as Uint8Array;
  if (validity.length !== col.values.length)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `input '${tensor}' has ${validity.length} values and the column \`${name}\` ${col.values.length}`,
    );
  return validity.includes(0) ? { ...col, validity } : col;
}
