/** A null list stays null wherever rows are picked, repeated, put together, cached, cut out of a batch, or written as JSON. */
import { expect, test } from "vitest";
import { column } from "#contract/schema.js";
import { repeatRows } from "#runtime/base/columns/repeat-rows.js";
import { stackColumns } from "#runtime/base/columns/stack.js";
import { type Column, gather, rootRows } from "#runtime/base/columns/table.js";
import { rowKeys } from "#runtime/engine/cache/cache-keys.js";
import { joinRows, splitRows } from "#runtime/engine/cache/cached-rows.js";
import { cellsOf, columnOf } from "#runtime/engine/golden/cells.js";
import { columnsOfRows } from "#runtime/server/backends/merlon-batch.js";

const schema = column("l", "int64", { list: { min: 0, max: null, nulls: true } });
const CELLS = [[1, 2], null, [], null, [3]];
const columnFrom = (cells: readonly (readonly number[] | null)[]): Column =>
  columnOf(schema, cells, rootRows(cells.length));
const col = columnFrom(CELLS);
const whole = columnFrom([[7], []]);

test("a null list stays null, and an empty one empty", () => {
  expect(cellsOf(col)).toEqual(CELLS);
  expect(cellsOf(gather(col, Int32Array.of(3, 0, 2, 1), rootRows(4)))).toEqual([null, [1, 2], [], null]);
  expect(cellsOf(repeatRows(col, Int32Array.of(0, 1, 3, 3, 4, 6), rootRows(6)))).toEqual([
    [1, 2],
    null,
    null,
    null,
    [3],
    [3],
  ]);
  expect(cellsOf(stackColumns([whole, col, whole], rootRows(9)))).toEqual([[7], [], ...CELLS, [7], []]);
  const kept = [...splitRows([whole], 2, false), ...splitRows([col], 5, false)];
  expect(cellsOf(joinRows([schema], kept, rootRows(7), false)[0]!)).toEqual([[7], [], ...CELLS]);
  const part = columnsOfRows(new Map([["l", col]]), col.rows, 1, 4).columns.get("l")!;
  expect(cellsOf(part)).toEqual([null, [], null]);
  const [, one, empty, other] = rowKeys([col], 5);
  expect(one).toBe(other);
  expect(one).not.toBe(empty);
});
