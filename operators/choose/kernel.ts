/** A flag per row and two branches' columns → each row's columns of the branch that its flag says. A branch that no row takes may be absent. */

import { flags } from "../../runtime/base/columns/flags.js";
import { stackColumns } from "../../runtime/base/columns/stack.js";
import { type Column, childRows, gather, type Rows, rootRows } from "../../runtime/base/columns/table.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const choose: Kernel<"choose"> = {
  prepare: step => {
    const makesRows = step.outputs.some(col => col.rows === step.id);
    return {
      run: inputs => {
        const [yes, no] = [inputs.yes ?? [], inputs.no ?? []];
        const condition = inputs.input[0];
        if (yes.length === 0 || no.length === 0) return alone(yes.length > 0 ? yes : no, makesRows);
        const { indices, rows } = chosen(condition, yes[0].rows, no[0].rows, makesRows);
        return yes.map((col, i) =>
          gather(stackColumns([col, no[i]!], rootRows(col.rows.count + no[i]!.rows.count)), indices, rows),
        );
      },
    };
  },
};

function alone(columns: readonly Column[], makesRows: boolean): readonly Column[] {
  const { parent, offsets } = columns[0]!.rows;
  if (!makesRows || !parent || !offsets) return columns;
  const rows = childRows(parent, offsets);
  return columns.map(col => ({ ...col, rows }));
}

/** Which rows of both branches, one after the other, are taken. */
function chosen(
  condition: Column,
  yes: Rows,
  no: Rows,
  makesRows: boolean,
): { readonly indices: Int32Array; readonly rows: Rows } {
  const holds = flags(condition);
  if (!makesRows)
    return { indices: Int32Array.from(holds, (flag, row) => (flag ? row : yes.count + row)), rows: condition.rows };
  const offsets = new Int32Array(holds.length + 1);
  const sides = [no.offsets!, yes.offsets!];
  for (let row = 0; row < holds.length; row++) {
    const side = sides[holds[row]!]!;
    offsets[row + 1] = offsets[row]! + side[row + 1]! - side[row]!;
  }
  const indices = new Int32Array(offsets[holds.length]!);
  for (let row = 0; row < holds.length; row++) {
    const from = holds[row] ? yes.offsets![row]! : yes.count + no.offsets![row]!;
    for (let i = offsets[row]!, at = from; i < offsets[row + 1]!; i++, at++) indices[i] = at;
  }
  return { indices, rows: childRows(condition.rows, offsets) };
}
