/**
 * Carries a workflow's named subgraphs through passes that handle only outputs. A subgraph's columns become outputs of the plan while the
 * passes run, so that none of them is pruned and each follows its step.
 */
import type { Plan } from "../../contract/plan.js";
import type { Optimised } from "./optimised.js";

export function optimiseSubgraphs(plan: Plan, run: (plan: Plan) => Optimised): Optimised {
  const subgraphs = Object.entries(plan.subgraphs ?? {});
  if (subgraphs.length === 0) return run(plan);
  const { subgraphs: _, ...bare } = plan;
  const carried = { ...bare, outputs: [...plan.outputs, ...subgraphs.flatMap(([, outputs]) => outputs)] };
  const optimised = run(carried);
  let at = plan.outputs.length;
  const take = (count: number) => {
    at += count;
    return optimised.plan.outputs.slice(at - count, at);
  };
  return {
    ...optimised,
    plan: {
      ...optimised.plan,
      outputs: optimised.plan.outputs.slice(0, plan.outputs.length),
      subgraphs: Object.fromEntries(subgraphs.map(([name, outputs]) => [name, take(outputs.length)])),
    },
  };
}
