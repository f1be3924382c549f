// Property: a compiled function equals JavaScript's result for its text, on random rows with missing values. It is computed in the
// runtime's loops and one row at a time.
import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluateExpression } from "#contract/evaluate-expression.js";
import type { Value } from "#contract/expression-functions.js";
import type { Step } from "#contract/plan.js";
import { lambdaOp } from "#operators/lambda-op/kernel.js";
import { rootRows } from "#runtime/base/columns/table.js";
import type { DType } from "#triton-protos/datatype.js";
import { type Cell, fromColumn, toColumn } from "../../etl/table-values.js";
import { schemaOf } from "../../etl/workflow-plan.js";
import { COLUMNS as ALL, DTYPES, javascriptFunction } from "./random-function.js";
import { readFunction } from "./read-function.js";

/** Numbers alone: integers of columns have no -0 and 64 bits, and tests of their own. */
const COLUMNS = { ...ALL, i: "float64", big: "float64", ids: "list<float64>" };
const schema = schemaOf(COLUMNS);

const number = fc
  .oneof(
    fc.constantFrom(0, 1, -1, 2.5, 1e9, 1.7e12),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }),
  )
  .map(x => x + 0);
const integer = fc.oneof(fc.constantFrom(0, 1, 2, 3, -1), fc.integer());
const word = fc.oneof(fc.constantFrom("", "a", "x.y.z", "B c", " pad "), fc.string({ maxLength: 6, unit: "grapheme" }));
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 4 });
const row = fc.record({
  a: maybe(number),
  b: maybe(number.map(x => Math.fround(x) + 0)),
  i: maybe(integer),
  big: maybe(integer.map(x => x * 1000)),
  s: maybe(word),
  t: maybe(word),
  f: maybe(fc.boolean()),
  ids: fc.array(maybe(integer), { maxLength: 3 }),
  words: fc.array(maybe(word), { maxLength: 3 }),
});
type Row = Record<keyof typeof COLUMNS, Cell>;

const present = (cell: Cell): Value =>
  (Array.isArray(cell) ? cell.map(x => x ?? undefined) : ((cell as Value) ?? undefined)) as Value;
const answer = (value: unknown): Cell => {
  if (value === undefined || value === null || Number.isNaN(value)) return null;
  // Half of a character has no place in UTF-8.
  if (typeof value === "string") return Buffer.from(value, "utf8").toString("utf8");
  if (typeof value !== "number") return value as Cell;
  return Number.isFinite(value) ? value + 0 : value > 0 ? "inf" : "-inf";
};

function throughKernel(text: string, dtype: DType, rows: readonly Row[]): Cell[] {
  const names = Object.keys(COLUMNS);
  const step: Step<"lambdaOp"> = {
    id: "f",
    op: "lambdaOp",
    label: "f",
    params: { text, expressions: { out: readFunction(text, COLUMNS) } },
    inputs: {
      input: names.map(name => ({
        name,
        step: "request",
        column: name,
      })) as unknown as Step<"lambdaOp">["inputs"]["input"],
    },
    outputs: [{ name: "out", dtype, rows: "request", tags: [], properties: {} }],
  };
  const prepared = lambdaOp.prepare(step, {
    folder: ".",
    models: { describe: unused, infer: unused },
    prepareStep: unused,
  });
  const root = rootRows(rows.length);
  const input = schema.map(col =>
    toColumn(
      col,
      rows.map(r => r[col.name as keyof Row]),
      root,
    ),
  );
  const made = (prepared as { run: (i: object, c: object) => Parameters<typeof fromColumn>[0][] }).run({ input }, {});
  return fromColumn(made[0]!);
}
const unused = () => Promise.reject(new Error("no model is called"));

test("loops and single rows mean what JavaScript means", () => {
  let tried = 0;
  fc.assert(
    fc.property(javascriptFunction, fc.array(row, { minLength: 1, maxLength: 8 }), ({ kind, text }, rows) => {
      const isRow = text.startsWith("({");
      // The test runs the text; Merlon never does.
      const run = new Function(`return ${text}`)() as (...values: unknown[]) => unknown;
      const expected = rows.map(r => {
        const values = Object.fromEntries(Object.keys(COLUMNS).map(name => [name, present(r[name as keyof Row])]));
        return answer(isRow ? run(values) : run(...Object.values(values)));
      });
      expect(throughKernel(text, DTYPES[kind], rows), text).toEqual(expected);
      const expression = readFunction(text, COLUMNS);
      const single = rows.map(r =>
        answer(
          evaluateExpression(
            expression,
            new Map(Object.keys(COLUMNS).map(name => [name, present(r[name as keyof Row])])),
          ),
        ),
      );
      expect(single, text).toEqual(expected);
      tried++;
    }),
    { numRuns: 3000, seed: 20_261_124 },
  );
  expect(tried).toBe(3000);
});
