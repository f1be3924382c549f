/** Columns as arrays for the functions of stages, and rows of the plan that a step's inputs determine. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AnyStep } from "#contract/plan.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { knownRows, readColumns } from "#runtime/engine/schedule/stage-columns.js";
import { candidates, type Item, lists, ref, scalars, vectors } from "../../../operators/step.js";

const stepOf = (...ports: (readonly string[])[]): AnyStep =>
  ({ inputs: Object.fromEntries(ports.map((names, i) => [`port${i}`, names.map(ref)])) }) as unknown as AnyStep;
const readOne = (column: ReturnType<typeof scalars>) => readColumns(stepOf(["c"]), { port0: [column] }).c;
const nested = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(nested) : ArrayBuffer.isView(value) ? [...(value as unknown as number[])] : value;

const cells = fc.array(fc.option(fc.integer({ min: -99, max: 99 }), { freq: 3 }), { minLength: 1, maxLength: 4 });

test("nulls are null in scalars, in lists of any length, and in those of one", () => {
  fc.assert(
    fc.property(fc.array(cells, { minLength: 1, maxLength: 4 }), rows => {
      const flat = rows.flat();
      const validity = Uint8Array.from(flat, item => Number(item !== null));
      const zeros = (items: readonly Item[]) => items.map(item => item ?? 0);
      expect(nested(readOne(scalars("int32", flat)))).toEqual(flat);
      expect(nested(readOne({ ...lists("int32", rows.map(zeros)), validity }))).toEqual(rows);
      const pairs = flat.map(item => [item, 7]);
      const both = Uint8Array.from(pairs.flat(), item => Number(item !== null));
      expect(nested(readOne({ ...vectors("int32", pairs.map(zeros), 2), validity: both }))).toEqual(pairs);
    }),
  );
});

test("a column of two ports is that of the first, and one that is not there is left out", () => {
  const [first, second] = [scalars("int32", [1]), scalars("int32", [2])];
  const read = readColumns(stepOf(["a", "gone"], ["a", "b"]), { port0: [first], port1: [second, second] });
  expect(Object.entries(read).map(([name, values]) => [name, nested(values)])).toEqual([
    ["a", [1]],
    ["b", [2]],
  ]);
});

test("rows of candidates are known by their id, and those of the request with them", () => {
  const request = rootRows(2);
  const found = candidates("int64", [[1n], [2n, 3n]], request);
  const ofRequest = scalars("int32", [1, 2], request);
  const step = stepOf(["c", "r", "gone", "unnamed"]);
  const ids: Readonly<Record<string, string>> = { c: "candidates", r: "request", gone: "gone" };
  const known = knownRows(step, { port0: [found, ofRequest] }, (_, name) => ids[name]);
  expect([...known]).toEqual([
    ["candidates", found.rows],
    ["request", request],
  ]);
  expect(known.get("candidates")).toBe(found.rows);
  // A column whose rows have no id says nothing about those of the request.
  expect([...knownRows(stepOf(["unnamed"]), { port0: [found] }, () => undefined)]).toEqual([]);
});
