import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { FittedStep } from "#contract/plan.js";
import {
  column,
  context,
  lists,
  makeStep,
  noModels,
  plain,
  prepareKernel,
  scalars,
} from "../../tests/operators/step.js";
import { differentCase, testAsOriginal } from "../../tests/runtime/etl/as-original.js";
import { printVocabulary } from "./kernel-vocabulary.js";

const answers = testAsOriginal("categorify");

test("a null inside a list is a null, id 1: NVTabular calls it out of vocabulary", async () => {
  const one = differentCase("null inside a list");
  expect(one.expected.x).toEqual([
    [3, 2],
    [4, 3],
  ]);
  const { kernels, sql } = await answers(one);
  expect(kernels.x).toEqual([
    [3, 1],
    [4, 3],
  ]);
  expect(sql).toEqual(kernels);
});

test("a column of another dtype than the fitted one is refused by its name", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-categorify-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const counts = BigInt64Array.of(3n, 2n);
  writeFileSync(join(folder, "x.arrow"), printVocabulary({ dtype: "int32", values: Int32Array.of(7, -1), counts }));
  const step = makeStep("categorify", {
    params: {},
    inputs: { input: ["x"] },
    outputs: [column("x", "int64", { list: { min: 0, max: null } })],
  });
  const state = { columns: { x: { vocabulary: "x.arrow", cardinality: 5 } } };
  const kernel = await prepareKernel({ ...step, state } as unknown as FittedStep, { folder, models: noModels });
  const run = (...input: Parameters<typeof kernel.run>[0]["input"] & object) => kernel.run({ input }, context());
  expect((await run(scalars("int32", [-1, 7, 8]))).map(plain)).toEqual([[4n, 3n, 2n]]);
  expect(() => run(lists("int64", [[7n]]))).toThrow(
    "step `s1` (categorify) was fitted on `x` as int32, but the column is int64. Build the plan again with `merlon build`.",
  );
});
