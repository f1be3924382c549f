/** Which columns of a fitted workflow hold codes: those that an encoding operator made, past operators that keep values or lists of them. */
import { columnsReadBy } from "../../contract/any-step.js";
import { idSpaces } from "../../contract/id-space.js";
import type { ColumnRef, Plan } from "../../contract/plan.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { columnsOfStep, factsOf } from "../../contract/step-facts.js";
import { datatype } from "../../triton-protos/datatype.js";

/** The columns that a served workflow makes, with the space of their codes. */
export function servedColumns({ steps, outputs }: Plan): readonly ColumnSchema[] {
  const byId = new Map(steps.map(step => [step.id, step]));
  const isCode = (ref: ColumnRef): boolean => {
    const step = byId.get(ref.step);
    if (!step) return false;
    const { encodes } = factsOf(step.op);
    if (encodes) return true;
    const before = columnsReadBy(step)[step.outputs.findIndex(({ name }) => name === ref.column)];
    return columnsOfStep(step) === "one by one" && before !== undefined && isCode(before);
  };
  return outputs.map(({ ref, schema }) =>
    datatype(schema.dtype).kind === "int" && isCode(ref)
      ? { ...schema, properties: { ...schema.properties, ...idSpaces([{ kind: "codes", of: schema.name }]) } }
      : schema,
  );
}
