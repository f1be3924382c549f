/**
 * The tensors of one stage of an ensemble → the columns its plan reads, with their rows: the request's, and candidates' grouped by them.
 */
import { stageColumn } from "../../../contract/column-tensors.js";
import type { PlanStage } from "../../../contract/plan.js";
import { REQUEST_ROWS, type Schema } from "../../../contract/schema.js";
import { type Column, childRows, type Rows, rootRows } from "../../base/columns/table.js";
import { tensorValues } from "../../base/columns/tensor-values.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";
import { checkOffsets, columnReader, findTensor } from "./merlon-inputs.js";

export interface StageColumns {
  readonly columns: ReadonlyMap<string, Column>;
  /** The request's rows; undefined if no input determines them. */
  readonly request: Rows | undefined;
}

/** @returns reads the columns of a request; throws a RuntimeFault naming the tensor that does not fit */
export function stageReader(schema: Schema, stage: PlanStage): (tensors: ReadonlyMap<string, Tensor>) => StageColumns {
  const nullable = new Set(stage.nullable.inputs);
  const readers = schema.map(
    col => [col, columnReader(col, stageColumn(col, { nullable: nullable.has(col.name) }), "needed")] as const,
  );
  return tensors => {
    const sets = new Map<string, Rows>();
    const sameRows = (id: string) => (count: number, name: string) => {
      const rows = sets.get(id) ?? rootRows(count);
      sets.set(id, rows);
      if (rows.count === count) return rows;
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `input '${name}' has ${count} rows, and other inputs have ${rows.count} rows of \`${id}\``,
      );
    };
    for (const { id, grouped } of stage.rows) {
      if (!grouped) continue;
      const offsets = tensorValues(findTensor(tensors, grouped.offsets, "int32"), "int32") as Int32Array;
      const last = offsets[offsets.length - 1] ?? 0;
      checkOffsets(grouped.offsets, offsets, "", last);
      sets.set(id, childRows(sameRows(grouped.by)(offsets.length - 1, grouped.offsets), offsets));
    }
    const columns = new Map(readers.map(([col, read]) => [col.name, read(tensors, sameRows(col.rows))]));
    return { columns, request: sets.get(REQUEST_ROWS) };
  };
}
