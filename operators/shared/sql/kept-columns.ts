/** The SQL form of operators that leave rows out: the columns as they are, where they are read. */
import type { SqlForm } from "../../../runtime/etl/sql/sql-form.js";

export const keptColumns: SqlForm<"dropna" | "filter"> = (step, inputs) => {
  const refs = step.inputs.input;
  return step.outputs.map(({ name }) => inputs[refs.findIndex(ref => ref.name === name)]!.sql);
};
