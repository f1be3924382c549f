/** `joinExternal` in SQL: the columns as they are, and the joined ones through the kernel, by key. */

import type { Step } from "../../../triton-protos/plan.js";
import { fileLookup } from "../file-lookup.js";
import type { SqlColumn, SqlForm } from "./sql-form.js";

export const joinExternal: SqlForm<"joinExternal"> = (step, inputs) => [
  ...inputs.map(col => col.sql),
  ...Object.keys(step.params.columns).map((_, i) => `${fileLookup(step.id, i)}(${keys(step, inputs)})`),
];

/** Of an inner join: the key is in the file. */
export const isInFile = (step: Step<"joinExternal">, inputs: readonly SqlColumn[]): string =>
  `${fileLookup(step.id, "found")}(${keys(step, inputs)})`;

const keys = (step: Step<"joinExternal">, inputs: readonly SqlColumn[]): string =>
  step.params.on.map(name => inputs[step.inputs.input!.findIndex(ref => ref.name === name)]!.sql).join(", ");
