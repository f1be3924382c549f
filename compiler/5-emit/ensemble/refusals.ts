/** Plans that no Triton ensemble can express, whatever its models are. */
import { entryColumn } from "../../../contract/column-tensors.js";
import type { Entry } from "../../../contract/entry-config.js";
import type { Plan } from "../../../contract/plan.js";
import { isPassed } from "./refs.js";

/** True if every answer is a request column as it is: an ensemble needs at least one step. */
export const makesNothing = ({ outputs }: Plan): boolean => outputs.every(isPassed);

export interface Clash {
  /** Name that an answer, or one of its tensors, shares with another column of the request. */
  readonly name: string;
  readonly output: Plan["outputs"][number];
}

/** A graph and an ensemble have one tensor of a name. */
export function clashOf({ inputs, outputs }: Plan, { form, nullable }: Entry): Clash | undefined {
  const brought = new Set(inputs.flatMap(col => [col, ...entryColumn(col, form)].map(({ name }) => name)));
  for (const output of outputs) {
    if (isPassed(output)) continue;
    const { schema } = output;
    const tensors = [schema, ...entryColumn(schema, form, nullable?.has(schema.name))];
    const shared = tensors.find(({ name }) => brought.has(name));
    if (shared) return { name: shared.name, output };
  }
  return undefined;
}
