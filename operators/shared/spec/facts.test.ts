import { expect, test } from "vitest";
import { shareEqualSteps } from "#compiler/4-plan/share-equal-steps.js";
import type { AnyStep, Plan } from "#contract/plan.js";
import { draws, narrowed, withoutChance } from "#contract/step-facts.js";

const stepOf = (op: string, params: object, id = op): AnyStep =>
  ({ id, label: id, op, params, inputs: {}, outputs: [] }) as unknown as AnyStep;

const twins = (one: AnyStep): Plan =>
  ({ kind: "ensemble", inputs: [], outputs: [], steps: [one, { ...one, id: "twin" }] }) as unknown as Plan;

const drawing = [
  stepOf("epsilonGreedy", { topk: 2, epsilon: 0.1, per: "position" }),
  stepOf("softmaxSampling", { topk: 2, temperature: 20, mode: "sample", minPropensity: 0.1 }),
  stepOf("thompsonSampling", { topk: 2, scale: 1 }),
];

test.each(drawing)("$op: two draws stay two, and are one step without chance", step => {
  expect(shareEqualSteps(twins(step), () => {}).steps).toHaveLength(2);
  const settled = withoutChance(step)!;
  expect(draws(settled)).toBe(false);
  expect(shareEqualSteps(twins(settled), () => {}).steps).toHaveLength(1);
});

const wide = (
  op: string,
  params: object,
  inputs: Readonly<Record<string, readonly string[]>>,
  outputs: readonly string[],
) =>
  ({
    ...stepOf(op, params),
    inputs: Object.fromEntries(Object.entries(inputs).map(([port, names]) => [port, names.map(name => ({ name }))])),
    outputs: outputs.map(name => ({ name })),
  }) as unknown as AnyStep;
const partOf = (step: AnyStep, ...read: readonly string[]) => {
  const { params, inputs, outputs } = narrowed(step, name => read.includes(name));
  const names = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name);
  return {
    params,
    outputs: names(outputs),
    inputs: Object.fromEntries(Object.entries(inputs).map(([port, refs]) => [port, names(refs)])),
  };
};

test("queryFeast reads only the needed features, unless missing ones drop rows", () => {
  const params = { features: { a: "a", b: "b" }, includeId: true, onMissing: "error" };
  const of = (more: object) => wide("queryFeast", { ...params, ...more }, { input: ["id"] }, ["id", "a", "b"]);
  expect(partOf(of({}), "b")).toEqual({
    params: { ...params, features: { b: "b" }, includeId: false },
    outputs: ["b"],
    inputs: { input: ["id"] },
  });
  for (const onMissing of ["drop", { a: "drop" }])
    expect(partOf(of({ onMissing }), "b").outputs).toEqual(["id", "a", "b"]);
});

test("predictOnnx omits unread tensors", () => {
  const step = wide("predictOnnx", { model: "m", outputs: { x: "t", y: "u" } }, { input: ["a"] }, ["x", "y"]);
  expect(partOf(step, "y")).toEqual({
    params: { model: "m", outputs: { y: "u" } },
    outputs: ["y"],
    inputs: { input: ["a"] },
  });
});
