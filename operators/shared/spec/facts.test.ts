import { expect, test } from "vitest";
import { shareEqualSteps } from "#compiler/4-plan/share-equal-steps.js";
import { OP_KINDS } from "#contract/op-params.js";
import { isFittedOp } from "#contract/op-state.js";
import type { AnyStep, Plan } from "#contract/plan.js";
import { changesRows, draws, factsOf, mayChangeRows, withoutChance } from "#contract/step-facts.js";

const stepOf = (op: string, params: object, id = op): AnyStep =>
  ({ id, label: id, op, params, inputs: {}, outputs: [] }) as unknown as AnyStep;

const twins = (one: AnyStep): Plan =>
  ({ kind: "ensemble", inputs: [], outputs: [], steps: [one, { ...one, id: "twin" }] }) as unknown as Plan;

const drawing = [stepOf("softmaxSampling", { topk: 2, temperature: 20, mode: "sample" })];

test("every operator that may draw has a step here that does", () => {
  const random = OP_KINDS.filter(op => factsOf(op).withoutChance);
  expect(drawing.filter(draws).map(({ op }) => op)).toEqual(random);
});

test.each(drawing)("$op: two draws stay two, and are one step without chance", step => {
  expect(shareEqualSteps(twins(step), () => {}).steps).toHaveLength(2);
  const settled = withoutChance(step)!;
  expect(draws(settled)).toBe(false);
  expect(shareEqualSteps(twins(settled), () => {}).steps).toHaveLength(1);
});

test("joinExternal changes rows where it is inner, so that it may do so", () => {
  const join = (how: string) => changesRows(stepOf("joinExternal", { how }));
  expect([join("inner"), join("left"), mayChangeRows("joinExternal")]).toEqual([true, false, true]);
});

test("exactly the operators whose steps carry a state learn", () => {
  expect(OP_KINDS.filter(op => factsOf(op).learns)).toEqual(OP_KINDS.filter(isFittedOp));
});

test("what only describes columns keeps rows and takes them one by one", () => {
  for (const op of OP_KINDS.filter(kind => factsOf(kind).describes)) {
    const { rows, columns, where } = factsOf(op);
    expect({ op, rows, where }).toEqual({ op, rows: "kept", where: "workflow" });
    expect(columns).not.toBe("together");
  }
});
