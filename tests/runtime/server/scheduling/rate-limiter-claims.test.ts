/** Claims on resources: which models are woken and in which order, and whom a claim holds back. */
import { describe, expect, test } from "vitest";
import { createRateLimiter, type InstanceGate } from "#runtime/server/scheduling/rate-limiter.js";
import { configOf, turns } from "./support.js";

type Needs = readonly (readonly [resource: string, count: number])[];

/** Instances by their needs; one without any has no rate limiter. */
const configWith = (name: string, instances: readonly (Needs | undefined)[]) =>
  configOf({
    name,
    instance_group: instances.map(needs => {
      const resources = needs?.map(([resource, count]) => ({ name: resource, global: true, count }));
      return { count: 1, kind: "KIND_CPU" as const, ...(resources && { rate_limiter: { resources } }) };
    }),
  });

/** Models that note when they are woken. Without limits, a resource is as large as the neediest instance requires. */
function limited(limits: Needs = []) {
  const limiter = createRateLimiter(limits.map(([name, count]) => ({ name, count })));
  const woken: string[] = [];
  const open = (
    name: string,
    instances: readonly (Needs | undefined)[],
    onWake: (gate: InstanceGate) => void = () => {},
  ): InstanceGate => {
    const gate = limiter.register(configWith(name, instances));
    gate.onFree(() => {
      woken.push(name);
      onWake(gate);
    });
    return gate;
  };
  return { open, woken };
}

const count = (units: number): Needs => [["R", units]];
const [ONE, TWO, FIVE] = [count(1), count(2), count(5)];

describe("what is given back wakes", () => {
  test("those that wait, and no other model", () => {
    const { open, woken } = limited(ONE);
    const [holder, waiting] = ["holder", "waiting", "idle"].map(name => open(name, [ONE]));
    holder!.take(0, false);
    waiting!.mayRun(0);
    holder!.give(0);
    expect(woken).toEqual(["waiting", "holder"]);
  });
  test("equals in the order of their first refusals", () => {
    const { open, woken } = limited(ONE);
    const [holder, first, second] = ["holder", "first", "second"].map(name => open(name, [ONE]));
    holder!.take(0, false);
    for (const gate of [first!, second!, first!]) gate.mayRun(0);
    holder!.give(0);
    expect(woken).toEqual(["first", "second", "holder"]);
  });
  test("a model in the turn of its instance that has run least", () => {
    const { open, woken } = limited(ONE);
    const [one, other, holder] = [open("one", [ONE, ONE]), open("other", [ONE]), open("holder", [ONE])];
    one.take(0, false);
    one.give(0);
    holder.take(0, false);
    woken.length = 0;
    one.mayRun(0);
    one.mayRun(1);
    other.mayRun(0);
    holder.give(0);
    expect(woken).toEqual(["one", "other", "holder"]);
  });
  test("each model once where the first one runs and the next one still waits", () => {
    const { open, woken } = limited(ONE);
    const runs = (gate: InstanceGate): void => {
      if (gate.mayRun(0)) gate.take(0, false);
    };
    const [holder, waiting] = ["holder", "waiting"].map(name => open(name, [ONE], runs));
    holder!.take(0, false);
    waiting!.mayRun(0);
    holder!.give(0);
    expect(woken).toEqual(["waiting", "holder"]);
  });
  test("no model if it is nothing", () => {
    const { open, woken } = limited(ONE);
    const [holder, waiting, free] = [open("holder", [ONE]), open("waiting", [ONE]), open("free", [undefined])];
    holder.take(0, false);
    waiting.mayRun(0);
    free.take(0, false);
    free.give(0);
    expect(woken).toEqual([]);
  });
});

test("an execution wakes no other model if its own has no claims", async () => {
  const { open, woken } = limited(ONE);
  const [holder, waiting, free] = [open("holder", [ONE]), open("waiting", [ONE]), open("free", [undefined])];
  holder.take(0, false);
  waiting.mayRun(0);
  free.take(0, true);
  await turns();
  expect(woken).toEqual([]);
});

test("a model that is closed leaves its claims to those that it held back", () => {
  const { open, woken } = limited(TWO);
  const [both, one] = [open("both", [TWO]), open("one", [ONE, ONE])];
  one.take(0, false);
  expect([both.mayRun(0), one.mayRun(1)]).toEqual([false, false]);
  both.close();
  expect(woken).toEqual(["one"]);
  expect(one.mayRun(1)).toBe(true);
});

describe("an instance that runs after a refusal, since a model has made the resource larger,", () => {
  /** @returns whether another model's instance may run, which needs the last unit */
  const mayRunBeside = (instances: readonly Needs[], isAny: boolean): boolean => {
    const { open } = limited();
    const [holder, refused, beside] = [open("holder", [TWO]), open("refused", instances), open("beside", [ONE])];
    holder.take(0, false);
    expect(instances.map((_, instance) => refused.mayRun(instance))).toEqual(instances.map(() => false));
    open("large", [FIVE]);
    expect(refused.mayRun(0)).toBe(true);
    refused.take(0, isAny);
    return beside.mayRun(0);
  };
  test("has no claim any more", () => {
    expect(mayRunBeside([TWO], false)).toBe(true);
  });
  test("leaves the claim of the next instance, if its request has to run there", () => {
    expect(mayRunBeside([TWO, TWO], false)).toBe(false);
  });
  test("ends the claim of the next instance, if its request may run anywhere", () => {
    expect(mayRunBeside([TWO, TWO], true)).toBe(true);
  });
});

test("a claim on two resources holds back those that need one of them", () => {
  const { open } = limited([
    ["R", 1],
    ["S", 1],
  ]);
  const both: Needs = [
    ["S", 1],
    ["R", 1],
  ];
  const [holder, waiting, other] = [open("holder", [[["S", 1]]]), open("waiting", [both]), open("other", [ONE])];
  holder.take(0, false);
  expect([waiting.mayRun(0), other.mayRun(0)]).toEqual([false, false]);
});

test("a model without instance groups runs beside all others", () => {
  const { open, woken } = limited(ONE);
  const [holder, free] = [open("holder", [ONE]), open("free", [])];
  holder.take(0, false);
  expect(free.mayRun(0)).toBe(true);
  free.take(0, false);
  free.give(0);
  expect(woken).toEqual([]);
});

test.each([
  [1, 2, false],
  [2, 1, true],
])("of a resource that is named twice, with %i and %i, the last count applies, as in Triton", (one, two, isFree) => {
  const { open } = limited(TWO);
  const needs: Needs = [
    ["R", one],
    ["R", two],
  ];
  const [twice, other] = [open("twice", [needs]), open("other", [ONE])];
  twice.take(0, false);
  expect(other.mayRun(0)).toBe(isFree);
});
