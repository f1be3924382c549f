/**
 * Carries a workflow's named subgraphs, and the columns of an exposure log, through passes that handle only outputs. They become outputs of the
 * plan while the passes run, so that none of them is pruned and each follows its step.
 */
import type { Plan } from "../../contract/plan.js";
import { logColumns, withLogColumns } from "../../contract/plan-log.js";
import type { Optimised } from "./optimised.js";

export function optimiseCarried(plan: Plan, run: (plan: Plan) => Optimised): Optimised {
  const subgraphs = Object.entries(plan.subgraphs ?? {});
  const logged = plan.log ? logColumns(plan.log) : [];
  if (subgraphs.length === 0 && logged.length === 0) return run(plan);
  const { subgraphs: _, log, ...bare } = plan;
  const carried = { ...bare, outputs: [...plan.outputs, ...subgraphs.flatMap(([, outputs]) => outputs), ...logged] };
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
      ...(plan.subgraphs && {
        subgraphs: Object.fromEntries(subgraphs.map(([name, outputs]) => [name, take(outputs.length)])),
      }),
      ...(log && { log: withLogColumns(log, take(logged.length)) }),
    },
  };
}
