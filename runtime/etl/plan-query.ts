/** All steps of a fitted plan on a stack of layers, and what to select for its outputs. */
import type { Plan } from "../../contract/plan.js";
import { type Layers, nextWave } from "./layers.js";
import type { Lookups } from "./lookups.js";

export async function layPlan(layers: Layers, lookups: Lookups, plan: Plan): Promise<readonly string[]> {
  let rest = plan.steps;
  while (rest.length > 0) {
    const ready = nextWave(layers, rest);
    await lookups.add(ready, layers);
    await layers.add(ready);
    rest = rest.filter(step => !ready.includes(step));
  }
  return plan.outputs.map(({ ref, schema }) => `${layers.find(ref)!.sql} AS ${layers.sql.identifier(schema.name)}`);
}
