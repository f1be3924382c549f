// Random plans of steps that finish at once, later in any order, fail, or are cancelled by a client. Each step runs once, after its inputs,
// and no step starts in vain.
import fc from "fast-check";
import { expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import { type Plan, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { PrepareStep } from "#runtime/engine/schedule/kernel.js";
import { preparePlanWith } from "#runtime/engine/schedule/prepare-plan.js";
import { context, noModels, plain, scalars } from "../../../operators/step.js";

const x = column("x", "float64");

interface StepOf {
  /** Steps before this one, and -1 for the request. */
  readonly reads: readonly number[];
  readonly isSlow: boolean;
  readonly fails: "no" | "fault" | "error" | "columns";
}

const ofSteps = (steps: readonly StepOf[]): Plan =>
  parsePlan(
    JSON.stringify({
      format: "merlon/plan",
      version: 1,
      kind: "ensemble",
      name: "p",
      inputs: [x],
      steps: steps.map(({ reads }, i) => {
        const input = reads.map((from, n) => ({ name: `x${n}`, step: from < 0 ? "request" : `s${from}`, column: "x" }));
        const inputs = Object.fromEntries(input.map(({ name }) => [name, name]));
        const params = { path: "m.onnx", model: "m", inputs, outputs: { x: "x" } };
        return { id: `s${i}`, label: `the ${i}`, op: "predictOnnx", params, inputs: { input }, outputs: [x] };
      }),
      outputs: steps.map((_, i) => ({
        ref: { name: "x", step: `s${i}`, column: "x" },
        schema: { ...x, name: `s${i}` },
      })),
    }),
    "plan.json",
  );

/** The sum of a step's inputs, times two, plus one. */
const computed = (inputs: readonly number[]): number => inputs.reduce((a, b) => a + b, 1) * 2 + 1;

/** Kernels that record their start, and finish on command. */
function world(steps: readonly StepOf[]) {
  const started: number[] = [];
  const waiting = new Map<number, () => void>();
  const prepare: PrepareStep = ({ id }) => ({
    run: ({ input }) => {
      const i = Number(id.slice(1));
      started.push(i);
      const sum = computed(input!.map(({ values }) => values[0] as number));
      const { isSlow, fails } = steps[i]!;
      const end = () => {
        if (fails === "fault") throw new RuntimeFault("NOT_FOUND", `no ${i}`);
        if (fails === "error") throw new Error(`secret ${i}`);
        const made = scalars("float64", [sum], input![0]!.rows);
        return fails === "columns" ? [made, made] : [made];
      };
      if (!isSlow) return end();
      return new Promise<void>(resolve => waiting.set(i, resolve)).then(end);
    },
  });
  return { started, waiting, prepare };
}

const turn = (): Promise<void> => new Promise(done => setImmediate(done));
const reasonOf = ({ fails }: StepOf, i: number): string =>
  `step \`the ${i}\` (predictOnnx): ${fails === "fault" ? `no ${i}` : "internal error"}`;

const steps = (isSlow: fc.Arbitrary<boolean>, fails: fc.Arbitrary<StepOf["fails"]>) =>
  fc
    .array(fc.record({ reads: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), isSlow, fails }), {
      minLength: 1,
      maxLength: 8,
      size: "max",
    })
    .map(all => all.map((of, i) => ({ ...of, reads: [...new Set(of.reads.map(from => (from % (i + 1)) - 1))] })));
const never = fc.constant<"no">("no");
const rarely = fc
  .integer({ max: 15, min: 0 })
  .map((n): StepOf["fails"] => (n < 13 ? "no" : (["fault", "error", "columns"] as const)[n - 13]!));

function expected(all: readonly StepOf[], given: number): number[] {
  const values: number[] = [];
  for (const { reads } of all) values.push(computed(reads.map(from => (from < 0 ? given : values[from]!))));
  return values;
}

test("steps that answer at once: the answer is there without a turn of the event loop", async () => {
  await fc.assert(
    fc.asyncProperty(steps(fc.constant(false), never), fc.nat({ max: 9 }), async (all, given) => {
      const { started, prepare } = world(all);
      const plan = await preparePlanWith(prepare, fittedPlan(ofSteps(all)), { folder: ".", models: noModels });
      for (let run = 1; run <= 2; run++) {
        const result = plan.run(new Map([["x", scalars("float64", [given])]]), context());
        if (result instanceof Promise) throw new Error("it waits");
        expect([...result.columns.values()].flatMap(plain)).toEqual(expected(all, given));
        expect(started.splice(0).toSorted((a, b) => a - b)).toEqual(all.map((_, i) => i));
        expect(result.runs.map(({ step, rowsIn, rowsOut }) => [step.id, rowsIn, rowsOut])).toEqual(
          all.map((_, i) => [`s${i}`, 1, 1]),
        );
        for (const { began, ended } of result.runs) expect(ended).toBeGreaterThanOrEqual(began);
        for (const { buckets } of plan.counters) {
          expect(buckets.reduce((a, b) => a + b)).toBe(run);
          expect(Math.min(...buckets)).toBe(0);
        }
        for (const counters of plan.counters)
          expect(counters).toMatchObject({ runs: run, failures: 0, rowsIn: run, rowsOut: run });
      }
      await plan.close();
    }),
  );
});

test("steps that answer later, in any order; faults; clients that leave", async () => {
  const order = fc.array(fc.nat(), { minLength: 8, maxLength: 8 });
  const leaves = fc.option(fc.nat({ max: 6 }), { freq: 3 });
  await fc.assert(
    fc.asyncProperty(steps(fc.boolean(), rarely), order, leaves, async (all, turns, leavesAfter) => {
      const { started, waiting, prepare } = world(all);
      const plan = await preparePlanWith(prepare, fittedPlan(ofSteps(all)), { folder: ".", models: noModels });
      const signal = new Cancellable();
      if (leavesAfter === 0) signal.abort();
      let outcome: readonly unknown[] | RuntimeFault | undefined;
      const running = Promise.resolve(plan.run(new Map([["x", scalars("float64", [1])]]), { ...context(), signal }));
      running.then(
        ({ columns }) => {
          outcome = [...columns.values()].flatMap(plain);
        },
        (fault: RuntimeFault) => {
          outcome = fault;
        },
      );
      let failed: number | undefined;
      let leftWith: number | undefined = leavesAfter === 0 ? 0 : undefined;
      for (let n = 0; ; n++) {
        await turn();
        // After what it reads, and once.
        expect(new Set(started).size).toBe(started.length);
        for (const [at, i] of started.entries())
          for (const from of all[i]!.reads) if (from >= 0) expect(started.slice(0, at)).toContain(from);
        failed ??= started.find(i => all[i]!.fails !== "no" && !all[i]!.isSlow);
        if (leavesAfter === n && leftWith === undefined) {
          signal.abort();
          leftWith = started.length;
        }
        if (waiting.size === 0) break;
        const next = [...waiting.keys()][turns[n % 8]! % waiting.size]!;
        waiting.get(next)!();
        waiting.delete(next);
        if (all[next]!.fails !== "no") failed ??= next;
        if (failed !== undefined || leftWith !== undefined) {
          const before = started.length;
          await turn();
          expect(started).toHaveLength(before);
        }
      }
      await turn();
      if (outcome instanceof RuntimeFault) {
        if (outcome.code === "CANCELLED") expect(leftWith).toBeDefined();
        else expect(outcome.message).toBe(reasonOf(all[failed!]!, failed!));
        expect(outcome.message).not.toMatch(/secret/);
        if (all[failed!]?.fails === "fault" && outcome.code !== "CANCELLED") expect(outcome.code).toBe("NOT_FOUND");
        if (leftWith !== undefined && failed === undefined) expect(started).toHaveLength(leftWith);
      } else {
        expect(failed).toBeUndefined();
        expect(outcome).toEqual(expected(all, 1));
        expect(started).toHaveLength(all.length);
      }
      const failures = plan.counters.reduce((sum, counters) => sum + counters.failures, 0);
      if (outcome instanceof RuntimeFault && outcome.code !== "CANCELLED") expect(failures).toBe(1);
      if (!(outcome instanceof RuntimeFault)) expect(failures).toBe(0);
      await plan.close();
    }),
    { numRuns: 300 },
  );
});
