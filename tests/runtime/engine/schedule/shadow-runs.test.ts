// Branches that run beside responses: their effect on a response, and their bounds.
import { afterEach, describe, expect, test, vi } from "vitest";
import { type AnyStep, type FittedPlan, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { valuesTensor } from "#runtime/base/columns/tensor-values.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import type { ModelCaller, ShadowCounters } from "#runtime/engine/schedule/kernel.js";
import type { ExecutablePlan } from "#runtime/engine/schedule/plan-result.js";
import { at } from "../../server/served-plan.js";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A call of a model that a test answers. */
interface Call {
  readonly model: string;
  readonly signal: AbortSignal | undefined;
  answer(value: number): void;
  fail(message: string): void;
}

/** Models named `quick…` return 1 for every row at once, `fails…` throw, and the others wait for the test. */
function models() {
  const calls: Call[] = [];
  const leases: string[] = [];
  const infer: ModelCaller["infer"] = (model, [input], _, signal) => {
    const answerOf = (value: number) => [
      valuesTensor("score", "float32", [...input!.shape], new Float32Array(input!.shape[0]!).fill(value)),
    ];
    if (model.startsWith("quick")) return answerOf(1);
    if (model.startsWith("fails")) throw new RuntimeFault("UNAVAILABLE", "no such luck");
    return new Promise((resolve, reject) => {
      calls.push({
        model,
        signal: signal as AbortSignal | undefined,
        answer: value => resolve(answerOf(value)),
        fail: message => reject(new RuntimeFault("UNAVAILABLE", message)),
      });
    });
  };
  const caller: ModelCaller = {
    describe: async () => ({
      inputs: [{ name: "x", datatype: "FP32", shape: [-1] }],
      outputs: [{ name: "score", datatype: "FP32", shape: [-1] }],
    }),
    infer,
    lease: asked => {
      const named = asked.map(({ model }) => model).join("+");
      leases.push(`+${named}`);
      return { infer, end: () => void leases.push(`-${named}`) };
    },
  };
  return { caller, calls, leases };
}

const predict = (id: string, model: string, from = at("request", "x")): AnyStep => ({
  id,
  op: "predictOnnx",
  label: id,
  params: { path: "m.onnx", model, inputs: { x: from.name }, outputs: { score: "score" } },
  inputs: { input: [from] },
  outputs: [column("score", "float32")],
});
const beside = (id: string, main: string, other: string, params: Record<string, unknown> = {}): AnyStep =>
  ({
    id,
    op: "shadow",
    label: id,
    params: { rate: 1, inFlight: 4, within: 60_000, topk: 10, score: "score", ...params },
    inputs: { input: [at(main, "score")], shadow: [at(other, "score")] },
    outputs: [column("score", "float32")],
  }) as AnyStep;
const plan = (steps: readonly AnyStep[], output: string): FittedPlan =>
  parsePlan(
    JSON.stringify({
      format: "merlon/plan",
      version: 1,
      kind: "ensemble",
      name: "beside",
      inputs: [column("x", "float32")],
      steps,
      outputs: [{ ref: at(output, "score"), schema: column("score", "float32") }],
    }),
    "plan.json",
  );

async function opened(steps: readonly AnyStep[], output: string, memory?: MemoryBudget) {
  const made = models();
  const notes: string[] = [];
  const executable = await preparePlan(plan(steps, output), {
    folder: ".",
    models: made.caller,
    memory,
    onNote: note => notes.push(note),
  });
  closers.push(() => executable.close());
  return { ...made, executable, notes, runs: () => countersOf(executable).runs };
}

const countersOf = ({ counters }: ExecutablePlan): ShadowCounters => counters.find(one => one.shadow)!.shadow!;

/** @param seeds of a batch of requests */
async function answer(executable: ExecutablePlan, values = [1, 2], seed = 0n, seeds?: readonly bigint[]) {
  const rows = rootRows(values.length);
  const x = { dtype: "float32", rows, values: Float32Array.from(values) } as const;
  const context = { seed, ...(seeds && { seeds }), parameters: new Map() };
  const result = await executable.run(new Map([["x", x]]), context);
  return [...(result.columns.get("score")!.values as Float32Array)];
}
/** Sends requests until one is not skipped for a loop that was late. */
async function compared(executable: ExecutablePlan) {
  const before = countersOf(executable).runs.compared;
  await vi.waitFor(async () => {
    await answer(executable);
    await vi.waitFor(() => expect(countersOf(executable).runs.compared).toBeGreaterThan(before), 500);
  }, 20_000);
}

describe("a response", () => {
  test("is that of the left branch, though the other is never done", async () => {
    const { executable, calls } = await opened(
      [predict("a", "quick"), predict("b", "slow"), beside("s", "a", "b")],
      "s",
    );
    expect(await answer(executable)).toEqual([1, 1]);
    // It is made before any step of the other branch starts.
    expect(calls).toEqual([]);
    await vi.waitFor(async () => {
      expect(await answer(executable)).toEqual([1, 1]);
      expect(calls.length).toBeGreaterThan(0);
    }, 20_000);
    for (const call of calls) call.fail("over");
  });
});

describe("a comparison", () => {
  test("counts lists that differ, and holds its models until it ends", async () => {
    const { executable, leases } = await opened(
      [predict("a", "quick"), predict("b", "quick2"), beside("s", "a", "b")],
      "s",
    );
    await compared(executable);
    expect(countersOf(executable)).toMatchObject({ lists: { different: 0 }, scoreDifference: 0 });
    expect(countersOf(executable).lists.equal).toBe(2 * countersOf(executable).runs.compared);
    await vi.waitFor(() => expect(leases.filter(one => one === "-quick2")).toHaveLength(leases.length / 2));
  });
  test("is left out beyond `inFlight`, also for steps that ignore their end", async () => {
    const { executable, calls, runs } = await opened(
      [predict("a", "quick"), predict("b", "slow"), beside("s", "a", "b", { inFlight: 2, within: 20 })],
      "s",
    );
    await vi.waitFor(async () => {
      await answer(executable);
      expect(calls).toHaveLength(2);
    }, 20_000);
    await vi.waitFor(() => expect(runs().late).toBe(2));
    // Both are over their time and were cancelled, but still run.
    expect(calls.every(({ signal }) => signal?.aborted)).toBe(true);
    const before = runs().skipped_in_flight;
    for (let i = 0; i < 3; i++) expect(await answer(executable)).toEqual([1, 1]);
    expect(runs().skipped_in_flight).toBe(before + 3);
    for (const call of calls) call.answer(1);
    await vi.waitFor(async () => {
      await answer(executable);
      expect(calls.length).toBeGreaterThan(2);
    });
    for (const call of calls) call.answer(1);
    // An answer after its time is not compared.
    expect(runs().compared).toBe(0);
  });
  test("is cancelled when the plan is closed, which waits for its steps", async () => {
    const { executable, calls, runs } = await opened(
      [predict("a", "quick"), predict("b", "slow"), beside("s", "a", "b")],
      "s",
    );
    await vi.waitFor(async () => {
      await answer(executable);
      expect(calls.length).toBeGreaterThan(0);
    }, 20_000);
    let isClosed = false;
    const closing = executable.close().then(() => {
      isClosed = true;
    });
    await new Promise(resolve => setImmediate(resolve));
    expect([calls[0]!.signal?.aborted, isClosed]).toEqual([true, false]);
    for (const call of calls) call.answer(1);
    await closing;
    expect(runs()).toMatchObject({ compared: 0, failed: 0, late: 0 });
  });
});
