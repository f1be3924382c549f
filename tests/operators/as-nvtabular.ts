/** The cases of one operator, as a test of its kernel: expected values are NVTabular's, columns are inferred as the compiler infers them. */

import { describe, test } from "vitest";
import type { OpKind } from "#contract/op-params.js";
import type { FittedStep } from "#contract/plan.js";
import { expectColumns, readCases } from "../runtime/etl/nvtabular-cases.js";
import { runSteps } from "../runtime/etl/run-steps.js";
import { workflowPlan } from "../runtime/etl/workflow-plan.js";
import { noModels, prepareKernel } from "./step.js";

/** @param op one that learns nothing and opens no file: `tests/runtime/etl/nvtabular.test.ts` has the others, and every other way to run these */
export function testAsNvtabular(op: OpKind): void {
  const cases = readCases("cases.json").filter(({ links }) => links.length === 1 && links[0]!.op === op);
  describe("as NVTabular", () => {
    test.each(cases)("$name", async one => {
      const plan = workflowPlan(one.types, one.links);
      const answer = await runSteps(plan, one.request ?? one.fit, step =>
        // An operator may learn what its kernel does not read: the lengths of `valueCount` are for the schema.
        prepareKernel(step as FittedStep, { folder: ".", models: noModels }),
      );
      expectColumns(answer, one, "kernel", plan);
    });
  });
}
