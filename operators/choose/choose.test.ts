import { describe, expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import { type AnyStep, type Plan, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { valuesTensor } from "#runtime/base/columns/tensor-values.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import { explainCandidates } from "#runtime/engine/explain/explain-candidates.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import type { ModelCaller } from "#runtime/engine/schedule/kernel.js";
import { grouped, lists, plain, scalars } from "../../tests/operators/step.js";
import { elapse } from "../../tests/run/wait.js";
import { at } from "../../tests/runtime/server/served-plan.js";

const list = { list: { min: 0, max: null } } as const;
const rowsOf = (id: string) => column("candidate_ids", "int64", { rows: id, tags: ["id"] });

/** Models named `m10`, `m20` … answer x plus their number; `broken` fails. */
function models() {
  const asked: string[] = [];
  const caller: ModelCaller = {
    describe: async () => ({
      inputs: [{ name: "x", datatype: "FP32", shape: [-1] }],
      outputs: [{ name: "score", datatype: "FP32", shape: [-1] }],
    }),
    infer: async (model, [input]) => {
      asked.push(model);
      await elapse(1);
      if (model === "broken") throw new RuntimeFault("UNAVAILABLE", "no answer");
      const x = new Float32Array(input!.data.buffer, input!.data.byteOffset, input!.shape[0]!);
      return [
        valuesTensor(
          "score",
          "float32",
          [x.length],
          x.map(value => value + Number(model.slice(1))),
        ),
      ];
    },
  };
  return { caller, asked };
}
const predict = (id: string, model: string, from = at("request", "x")): AnyStep => ({
  id,
  op: "predictOnnx",
  label: id,
  params: { path: "m.onnx", model, inputs: { x: from.name }, outputs: { score: "score" } },
  inputs: { input: [from] },
  outputs: [column("score", "float32")],
});
const choose = (id: string, condition: string, yes: string, no: string): AnyStep => ({
  id,
  op: "choose",
  label: id,
  params: {},
  inputs: { input: [at("request", condition)], yes: [at(yes, "score")], no: [at(no, "score")] },
  outputs: [column("score", "float32")],
});
const plan = (steps: readonly AnyStep[], output: string): Plan =>
  parsePlan(
    JSON.stringify({
      format: "merlon/plan",
      version: 1,
      kind: "ensemble",
      name: "branches",
      inputs: [column("x", "float32"), column("a", "bool"), column("b", "int64")],
      steps,
      outputs: [{ ref: at(output, "score"), schema: column("score", "float32") }],
    }),
    "plan.json",
  );

async function run(steps: readonly AnyStep[], output: string, a: (boolean | null)[], b: number[] = a.map(() => 0)) {
  const { caller, asked } = models();
  const executable = await preparePlan(fittedPlan(plan(steps, output)), { folder: ".", models: caller });
  const rows = rootRows(a.length);
  const inputs = new Map([
    [
      "x",
      scalars(
        "float32",
        a.map((_, i) => i),
        rows,
      ),
    ],
    ["a", scalars("bool", a, rows)],
    ["b", scalars("int64", b, rows)],
  ]);
  const result = await executable.run(inputs, { seed: 1n, parameters: new Map() });
  return { scores: plain(result.columns.get("score")!), asked, ran: result.runs.map(({ step }) => step.id) };
}

describe("a choice by condition", () => {
  const steps = [predict("p", "m10"), predict("q", "m20"), choose("c", "a", "p", "q")];
  test("takes each row's branch; a null takes the second", async () => {
    expect(await run(steps, "c", [true, false, null])).toMatchObject({ scores: [10, 21, 22], asked: ["m10", "m20"] });
  });
  test("does not run a branch that no row takes", async () => {
    expect(await run(steps, "c", [true, true])).toMatchObject({ scores: [10, 11], asked: ["m10"], ran: ["p", "c"] });
    expect(await run(steps, "c", [false])).toMatchObject({ scores: [20], asked: ["m20"] });
    expect(await run(steps, "c", [])).toMatchObject({ scores: [] });
  });
  test("a fault of a branch that is not taken is none; of one that is, the request's", async () => {
    const broken = [predict("p", "broken"), predict("q", "m20"), choose("c", "a", "p", "q")];
    expect(await run(broken, "c", [false])).toMatchObject({ scores: [20] });
    await expect(run(broken, "c", [false, true])).rejects.toThrow("step `p` (predictOnnx): no answer");
  });
});

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
    models: models().caller,
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
