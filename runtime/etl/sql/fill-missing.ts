/** `fillMissing` in SQL: `coalesce`, and `IS NULL` for the flags. */
import { datatype } from "../../../triton-protos/datatype.js";
import { RuntimeFault } from "../../errors.js";
import { fillFor } from "../../kernels/fill-value.js";
import { constant } from "./literal.js";
import { each, type SqlForm } from "./sql-form.js";

export const fillMissing: SqlForm<"fillMissing"> = (step, inputs) => {
  const what = `step \`${step.id}\` (fillMissing)`;
  const refs = step.inputs.input ?? [];
  return step.outputs.map(({ name }) => {
    const direct = inputs[refs.findIndex(ref => ref.name === name)];
    if (direct) {
      const { dtype } = direct;
      const fill = fillFor(dtype, step.params.fillValue, `${what}, column \`${name}\`,`);
      const value = datatype(dtype).kind === "bool" ? String(fill === 1) : constant(fill, dtype);
      return each(direct, v => `coalesce(${v}, ${value})`);
    }
    const flagged = inputs[refs.findIndex(ref => `${ref.name}_filled` === name)];
    if (!flagged)
      throw new RuntimeFault("INTERNAL", `${what} has an output \`${name}\` that comes from none of its inputs.`);
    return each(flagged, v => `(${v} IS NULL)`);
  });
};
