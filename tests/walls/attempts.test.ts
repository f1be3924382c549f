/**
 * Bounds of time that hold on a machine that others share, and still fail where the work itself is over them.
 */
import { expect, test } from "vitest";
import { expectWithin, slowness } from "./support/attempts.js";

const cost = (cpuMs: number, stallMs = 1, peakMb = 1) => ({ cpuMs, stallMs, peakMb });
const each = (costs: readonly ReturnType<typeof cost>[]) => {
  let at = 0;
  return { measure: async () => costs[Math.min(at++, costs.length - 1)]!, taken: () => at };
};
const even = (): number => 1;

test("one attempt is enough for work within its bounds", async () => {
  const { measure, taken } = each([cost(99, 49)]);
  await expectWithin(measure, { cpuMs: 100, stallMs: 50, peakMb: 2 }, even);
  expect(taken()).toBe(1);
});

test("time that others add is measured again", async () => {
  const { measure, taken } = each([cost(300, 20), cost(90, 80)]);
  await expectWithin(measure, { cpuMs: 100, stallMs: 50 }, even);
  expect(taken()).toBe(2);
});

test.each([
  ["CPU time", [cost(101)]],
  ["a stretch", [cost(1, 51)]],
  ["CPU time that varies", [cost(400), cost(200), cost(300), cost(101)]],
])("%s over the bound fails", async (_, costs) => {
  const { measure, taken } = each(costs);
  await expect(expectWithin(measure, { cpuMs: 100, stallMs: 50 }, even)).rejects.toThrow(/to be less than/);
  expect(taken()).toBe(6);
});

test("memory over its bound fails at the first attempt", async () => {
  const { measure } = each([cost(200, 1, 3), cost(1, 1, 1)]);
  await expect(expectWithin(measure, { cpuMs: 100, peakMb: 2 }, even)).rejects.toThrow(/3 to be less than 2/);
});

test("a slower machine has more time, by as much as it is slower", async () => {
  await expectWithin(each([cost(149)]).measure, { cpuMs: 100 }, () => 1.5);
  await expect(expectWithin(each([cost(151)]).measure, { cpuMs: 100 }, () => 1.5)).rejects.toThrow(/×1.50/);
});

test("no machine has less time than the bounds say", () => {
  expect(slowness()).toBeGreaterThanOrEqual(1);
});
