/** Branches' columns, and the branch of each row → each row's columns of its branch. Branches that no row takes may be absent. */
import { stackColumns } from "../../../runtime/base/columns/stack.js";
import { type Column, childRows, gather, type Rows, rootRows } from "../../../runtime/base/columns/table.js";

/**
 * @param branches columns by branch; empty for one that was not run
 * @param taken index of the branch of each row of `parent`
 * @param parent the rows that choose
 * @param makesRows the branches are candidates of the rows, and not columns of them
 */
export function takeSides(
  branches: readonly (readonly Column[])[],
  taken: ArrayLike<number>,
  parent: Rows,
  makesRows: boolean,
): readonly Column[] {
  const present = branches.filter(columns => columns.length > 0);
  if (present.length === 1) return alone(present[0]!, makesRows);
  const sides = branches.map(([first]) => first?.rows);
  // The first row of each branch where all are one after the other.
  const starts: number[] = [];
  let count = 0;
  for (const rows of sides) {
    starts.push(count);
    count += rows?.count ?? 0;
  }
  const { indices, rows } = makesRows
    ? ofCandidates(sides, starts, taken, parent)
    : { indices: Int32Array.from(taken, (side, row) => starts[side]! + row), rows: parent };
  return present[0]!.map((_, i) =>
    gather(
      stackColumns(
        present.map(columns => columns[i]!),
        rootRows(count),
      ),
      indices,
      rows,
    ),
  );
}

/** The columns of the one branch that was run. */
export function alone(columns: readonly Column[], makesRows: boolean): readonly Column[] {
  const { parent, offsets } = columns[0]!.rows;
  if (!makesRows || !parent || !offsets) return columns;
  const rows = childRows(parent, offsets);
  return columns.map(col => ({ ...col, rows }));
}

function ofCandidates(
  sides: readonly (Rows | undefined)[],
  starts: readonly number[],
  taken: ArrayLike<number>,
  parent: Rows,
): { readonly indices: Int32Array; readonly rows: Rows } {
  const offsets = new Int32Array(taken.length + 1);
  for (let row = 0; row < taken.length; row++) {
    const own = sides[taken[row]!]!.offsets!;
    offsets[row + 1] = offsets[row]! + own[row + 1]! - own[row]!;
  }
  const indices = new Int32Array(offsets[taken.length]!);
  for (let row = 0; row < taken.length; row++) {
    const side = taken[row]!;
    const from = starts[side]! + sides[side]!.offsets![row]!;
    for (let i = offsets[row]!, at = from; i < offsets[row + 1]!; i++, at++) indices[i] = at;
  }
  return { indices, rows: childRows(parent, offsets) };
}
