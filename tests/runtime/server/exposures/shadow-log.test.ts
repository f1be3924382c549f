// Comparisons of a shadow → the columns of the run that its log records.
import { expect, test } from "vitest";
import { type Column, childRows, rootRows } from "#runtime/base/columns/table.js";
import type { ListDifference } from "#runtime/engine/schedule/kernel.js";
import { shadowRun } from "#runtime/server/exposures/shadow-log.js";

const root = rootRows(3);
const texts = (lists: readonly (readonly (string | null)[])[]): Column => {
  const all = lists.flat();
  const offsets = Int32Array.from([0, ...lists.map((_, i) => lists.slice(0, i + 1).flat().length)]);
  return {
    ...{ dtype: "string", rows: childRows(root, offsets) },
    values: all.map(value => value ?? ""),
    validity: Uint8Array.from(all, value => Number(value !== null)),
  };
};
const main = { item: texts([["a", "b"], ["x"], ["c", null, "c"]]) };
const other = { item: texts([["b", "d", "b"], ["x"], []]) };
const differences: readonly ListDifference[] = [
  { list: 0, main: [0, 2], other: [0, 3] },
  { list: 2, main: [3, 3], other: [4, 0] },
];

test("a row is an item of either branch, and lists that do not differ are empty", () => {
  const run = shadowRun("s", { main, other, differences }, 3)!;
  const column = (name: string) => run.columnOf("s", name)!;
  const listsOf = (name: string) => {
    const { values, rows } = column(name);
    return [0, 1, 2].map(i => [...(values.slice(rows.offsets![i], rows.offsets![i + 1]) as Iterable<unknown>)]);
  };
  expect(listsOf("item")).toEqual([["a", "b"], [], ["c", "c"]]);
  expect(listsOf("id")).toEqual([["a", "b", "d"], [], ["c", "c"]]);
  expect(listsOf("shadow_position")).toEqual([[0, 1, 2], [], [0, 0]]);
  expect([...column("shadow_position").validity!]).toEqual([0, 1, 1, 0, 0]);
  expect(listsOf("response_score").flat()).toEqual(Array(5).fill(Number.NaN));
  expect([...(run.sides.get("s") as Int32Array)]).toEqual([0, 0, 0]);
});

test("comparisons of other rows than the request's, and equal ones, are not logged", () => {
  expect(shadowRun("s", { main, other, differences: [] }, 3)).toBeUndefined();
  expect(shadowRun("s", { main, other, differences }, 4)).toBeUndefined();
  expect(shadowRun("s", { main: {}, other: {}, differences }, 3)).toBeUndefined();
  const flat = { item: { dtype: "string", rows: root, values: ["a", "b", "c"] } as const };
  expect(shadowRun("s", { main: flat, other: flat, differences }, 3)).toBeUndefined();
});
