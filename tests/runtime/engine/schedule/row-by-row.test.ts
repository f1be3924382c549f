// Runs of single rows that cannot be joined.
import { expect, test } from "vitest";
import { parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { rootRows } from "#runtime/base/columns/table.js";
import type { PlanResult } from "#runtime/engine/schedule/plan-result.js";
import { runRowByRow } from "#runtime/engine/schedule/row-by-row.js";
import { at } from "../../server/served-plan.js";

const plan = parsePlan(
  JSON.stringify({
    ...{ format: "merlon/plan", version: 1, kind: "ensemble", name: "p" },
    inputs: [column("x", "float32")],
    steps: [
      {
        ...{ id: "a", op: "clip", label: "a", params: { min: 0 } },
        inputs: { input: [at("request", "x")] },
        outputs: [column("score", "float32")],
      },
    ],
    outputs: [{ ref: at("a", "score"), schema: column("answer", "float32") }],
  }),
  "plan.json",
);

test("a column of the response that no run has is a fault with its name", async () => {
  const none = { columnOf: () => undefined } as unknown as PlanResult;
  await expect(runRowByRow(plan, new Map(), rootRows(2), () => none)).rejects.toThrow(
    "the rows' answers `answer` can not be joined",
  );
});
