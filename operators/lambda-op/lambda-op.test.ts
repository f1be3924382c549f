import fc from "fast-check";
import { expect, test } from "vitest";
import type { Expression } from "#contract/expression.js";
import { column, lists, plain, run, vectors } from "../../tests/operators/step.js";
import { testAsOriginal } from "../../tests/runtime/etl/as-original.js";

testAsOriginal("lambdaOp");

test("lists are read whole, be their lengths equal or not", async () => {
  const call = (name: string, ...args: Expression[]) => ({ call: name, args }) as Expression;
  const of = (expression: Expression, dtype: "float64" | "bool") => ({
    params: { text: "f", expressions: { f: expression }, dtype },
    inputs: { input: ["ids"] },
    outputs: [column("f", dtype)],
  });
  const ids: Expression = { column: "ids" };
  const rows = fc.array(fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 4 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: -3, max: 3 }), fc.nat(3), async (given, wanted, width) => {
      const same = given.map((_, i) => Array.from({ length: width }, (__, j) => ((i + j) % 7) - 3));
      for (const [all, col] of [
        [given, lists("int32", given)],
        [same, vectors("int32", same, width)],
      ] as const) {
        const length = of(call("numbersLength", ids), "float64");
        const has = of(call("numbersInclude", ids, { number: wanted }), "bool");
        expect(plain((await run("lambdaOp", length as never, { input: [col] }))[0]!)).toEqual(
          all.map(row => row.length),
        );
        expect(plain((await run("lambdaOp", has as never, { input: [col] }))[0]!)).toEqual(
          all.map(row => Number(row.includes(wanted))),
        );
      }
    }),
    { numRuns: 40 },
  );
});
