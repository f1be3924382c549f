/** Adds all steps of a fitted plan to a stack of layers. @returns what to select for its outputs */
import type { FittedPlan } from "../../contract/plan.js";
import { type Layers, nextWave } from "./layers.js";
import type { Lookups } from "./lookups.js";

export async function planQuery(layers: Layers, lookups: Lookups, plan: FittedPlan): Promise<readonly string[]> {
  let rest = plan.steps;
  while (rest.length > 0) {
    const ready = nextWave(layers, rest);
    await lookups.add(ready, layers);
    await layers.add(ready);
    rest = rest.filter(step => !ready.includes(step));
  }
  return plan.outputs.map(({ ref, schema }) => `${layers.find(ref)!.sql} AS ${layers.sql.identifier(schema.name)}`);
}
