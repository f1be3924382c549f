/**
 * `joinExternal` in SQL: the columns unchanged, and the joined ones by key, by a join with the file, or else through the kernel.
 */

import type { Step } from "../../contract/plan.js";
import { fileLookup } from "../../runtime/etl/file-lookup.js";
import type { SqlColumn } from "../../runtime/etl/sql/sql-column.js";
import type { RowCondition, SqlContext, SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const joinExternal: SqlForm<"joinExternal"> = (step, inputs, context) => [
  ...inputs.map(col => col.sql),
  ...found(step, inputs, context).slice(0, -1),
];

/** For an inner join: the key is in the file. */
export const isInFile: RowCondition<"joinExternal"> = (step, inputs, context) =>
  step.params.how === "inner" ? found(step, inputs, context).at(-1)! : undefined;

/** The file's columns, and whether it has the key. */
function found(
  step: Step<"joinExternal">,
  inputs: readonly SqlColumn[],
  context: Pick<SqlContext, "groups">,
): readonly string[] {
  const keysOf = (names: readonly string[]) =>
    names.map(name => inputs[step.inputs.input.findIndex(ref => ref.name === name)]!);
  const joined = context.groups(step.id, keysOf);
  if (joined) return joined;
  const keys = keysOf(step.params.on).map(col => col.sql);
  const asked = [...Object.keys(step.params.columns).keys(), "found" as const];
  return asked.map(what => `${fileLookup(step.id, what)}(${keys.join(", ")})`);
}
