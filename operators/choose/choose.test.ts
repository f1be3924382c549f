import { expect, test } from "vitest";
import { type AnyStep, type Plan, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { explainCandidates } from "#runtime/engine/explain/explain-candidates.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { grouped, lists, noModels, scalars } from "../../tests/operators/step.js";
import { at } from "../../tests/runtime/server/served-plan.js";

const list = { list: { min: 0, max: null } } as const;
const rowsOf = (id: string) => column("candidate_ids", "int64", { rows: id, tags: ["id"] });

test("candidates of the branch that a row took, each row with its own; explained", async () => {
  const explode = (id: string, from: string): AnyStep => ({
    id,
    op: "explode",
    label: id,
    params: { name: "candidate_ids" },
    inputs: { input: [at("request", from)] },
    outputs: [rowsOf(id)],
  });
  const ids = "candidate_ids";
  const document: Plan = {
    format: "merlon/plan",
    version: 1,
    kind: "ensemble",
    name: "branches",
    inputs: [column("a", "bool"), column("l", "int64", list), column("r", "int64", list)],
    steps: [
      explode("left", "l"),
      explode("right", "r"),
      {
        id: "c",
        op: "choose",
        label: "c",
        params: {},
        inputs: { input: [at("request", "a")], yes: [at("left", ids)], no: [at("right", ids)] },
        outputs: [rowsOf("c")],
      },
    ],
    outputs: [{ ref: at("c", ids), schema: rowsOf("c") }],
  };
  const executable = await preparePlan(parsePlan(JSON.stringify(document), "plan.json"), {
    folder: ".",
    models: noModels,
  });
  const ask = async (flags: boolean[], left: number[][], right: number[][]) => {
    const rows = rootRows(flags.length);
    const inputs = new Map([
      ["a", scalars("bool", flags, rows)],
      ["l", lists("int64", left, rows)],
      ["r", lists("int64", right, rows)],
    ]);
    return executable.run(inputs, { seed: 1n, parameters: new Map() });
  };
  const mixed = await ask([true, false, false, true], [[1, 2], [3], [4], []], [[9], [8, 7], [], [6]]);
  expect(grouped(mixed.columns.get(ids)!)).toEqual([[1n, 2n], [8n, 7n], [], []]);
  expect(explainCandidates(executable.plan, mixed)[1]).toMatchObject([
    { id: 8, from: "right" },
    { id: 7, from: "right" },
  ]);
  const one = await ask([true], [[1, 2]], [[9]]);
  expect(grouped(one.columns.get(ids)!)).toEqual([[1n, 2n]]);
  expect(explainCandidates(executable.plan, one)[0]).toMatchObject([{ id: 1 }, { id: 2 }]);
});
