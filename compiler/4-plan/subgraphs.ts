/**
 * Carries a workflow's named subgraphs through passes that know only outputs: a subgraph's columns become outputs of the plan while
 * the passes run, so that none of them is pruned and each follows where its step goes.
 */
import type { Plan } from "../../triton-protos/plan.js";

export function withSubgraphs(plan: Plan, run: (plan: Plan) => Plan): Plan {
  const subgraphs = Object.entries(plan.subgraphs ?? {});
  if (subgraphs.length === 0) return run(plan);
  const { subgraphs: _, ...bare } = plan;
  const after = run({ ...bare, outputs: [...plan.outputs, ...subgraphs.flatMap(([, outputs]) => outputs)] });
  let at = plan.outputs.length;
  const take = (count: number) => after.outputs.slice(at, (at += count));
  return {
    ...after,
    outputs: after.outputs.slice(0, plan.outputs.length),
    subgraphs: Object.fromEntries(subgraphs.map(([name, outputs]) => [name, take(outputs.length)])),
  };
}
