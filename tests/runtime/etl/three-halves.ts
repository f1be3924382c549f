/** A fitted plan's SQL form, its kernels and its ONNX graph on the same rows: all make the same. */
import { expect } from "vitest";
import type { Plan } from "#contract/plan.js";
import type { PythonOnnx } from "../../compiler/5-emit/onnx/python-onnx.js";
import { expectCells, lowerWorkflow } from "./run-onnx.js";
import { throughKernels, throughSql } from "./run-workflow.js";
import type { Cells } from "./table-values.js";

/** Operators without a lowering report it. */
const REFUSED =
  /reads the bits of a float|hashes texts|would be found as|rows of the request away|the rows before and after|makes one row of many/;

/** @returns whether the plan has a graph */
export async function expectThreeHalves(
  folder: string,
  plan: Plan,
  cells: Cells,
  python: PythonOnnx,
): Promise<boolean> {
  const kernels = await throughKernels(folder, plan, cells);
  expect((await throughSql(folder, plan, cells)).cells).toEqual(kernels);
  const lowered = lowerWorkflow(folder, plan);
  if ("refused" in lowered) {
    expect(lowered.refused).toMatch(REFUSED);
    return false;
  }
  expectCells(await lowered.run(cells), kernels);
  expectCells(await lowered.runElsewhere(python, cells), kernels);
  return true;
}
