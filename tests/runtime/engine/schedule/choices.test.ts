// A merge some of whose sources are there before the run: columns of the request, or of the response beside which a shadow runs.
import { expect, test } from "vitest";
import type { AnyStep, Plan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { choices } from "#runtime/engine/schedule/choices.js";
import { type Prepared, slotsOf, stagesOf } from "#runtime/engine/schedule/layout.js";
import { createNotes, runStages } from "#runtime/engine/schedule/run-stages.js";
import { createCounters } from "#runtime/engine/schedule/stage-counters.js";
import { scalars } from "../../../operators/step.js";
import { at } from "../../server/served-plan.js";

const step = (id: string, op: string, params: object, inputs: AnyStep["inputs"]): AnyStep =>
  ({ ...{ id, op, label: id, params, inputs }, outputs: [column("ids", "int64")] }) as unknown as AnyStep;
const merge = (source2: AnyStep["inputs"]["input"]) =>
  step("merged", "mergeCandidates", { sources: [{ name: "near" }, { name: "bought", within: 60_000 }] }, {
    ...{ input: [at("request", "near")], source2 },
  } as unknown as AnyStep["inputs"]);

/** The choices of these steps, and the stages that may start. */
function opened(...steps: readonly AnyStep[]) {
  const output = { ref: at("merged", "ids"), schema: column("ids", "int64") };
  const plan = {
    steps,
    inputs: [column("near", "int64"), column("list", "int64")],
    outputs: [output],
  } as unknown as Plan;
  const prepared: Prepared = new Map(
    steps.map(one => [one.id, { kernel: { run: () => [] }, counters: createCounters(one) }]),
  );
  const ready: number[] = [];
  const made = choices(
    stagesOf(plan, slotsOf(plan), prepared),
    { seed: 0n, parameters: new Map() },
    { fallbacks: new Map(), leftOut: new Map() },
    {
      ready: stage => ready.push(stage),
      ...{ release() {}, leaveLost() {}, drain() {}, tookFault() {} },
      fail(fault) {
        throw fault;
      },
      taken: () => ["yes"],
    },
  );
  return { made, ready };
}

test("it waits for its other sources", () => {
  const bought = step("bought", "explode", { name: "ids" }, { input: [at("request", "list")] });
  const { made, ready } = opened(bought, merge([at("bought", "ids")]));
  expect(ready).toEqual([]);
  made.arrive(1, 0);
  expect(ready).toEqual([1]);
  made.close();
});

test("it starts at once if it has no others", () => {
  const { made, ready } = opened(merge([at("request", "list")]));
  expect(ready).toEqual([0]);
  made.close();
});

test("a choice whose sides are columns of the request starts when it is decided", () => {
  const sides = { input: [at("request", "flag")], yes: [at("request", "near")], no: [at("request", "list")] };
  const { made, ready } = opened(step("merged", "choose", {}, sides as unknown as AnyStep["inputs"]));
  expect(ready).toEqual([0]);
  expect(made.portsOf(0)).toEqual(["input", "yes"]);
  made.close();
});

test("a plan with a choice whose steps return at once ends at once", async () => {
  const steps = [
    step("near", "clip", {}, { input: [at("request", "near")] }),
    step("merged", "choose", {}, {
      ...{ input: [at("request", "flag")], yes: [at("near", "ids")], no: [at("request", "list")] },
    } as unknown as AnyStep["inputs"]),
  ];
  const inputs = ["near", "list", "flag"].map(name => column(name, "int64"));
  const output = { ref: at("merged", "ids"), schema: column("ids", "int64") };
  const plan = { steps, inputs, outputs: [output] } as unknown as Plan;
  const run = (isAsync: boolean) => {
    const made = scalars("int64", [7]);
    const kernel = { run: () => (isAsync ? Promise.resolve([made]) : [made]), sides: () => [0] };
    const prepared: Prepared = new Map(steps.map(one => [one.id, { kernel, counters: createCounters(one) }]));
    const stages = stagesOf(plan, slotsOf(plan), prepared);
    const columns = Array.from({ length: slotsOf(plan).count }, (_, i) => (i < inputs.length ? made : undefined));
    return runStages(stages, undefined, columns, { seed: 0n, parameters: new Map() }, createNotes(stages));
  };
  expect(run(false)).toBeUndefined();
  expect(await run(true)).toBeUndefined();
  expect(run(true)).toBeInstanceOf(Promise);
});
