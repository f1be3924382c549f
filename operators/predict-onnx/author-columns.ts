/** Options of `predictOnnx` as they are written, and the column that each tensor of the graph takes. */
import { z } from "zod";
import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import { padding } from "../../contract/op-params.js";
import { printType } from "../../contract/schema.js";
import type { OnnxSignature, OnnxTensor } from "../../formats/onnx/onnx.js";
import type { Bound } from "../shared/author/bound.js";
import { namesOf } from "../shared/author/columns.js";
import type { Call } from "../shared/author/define-op.js";
import { domainMax, type Tied } from "../shared/author/same-fit.js";

export const onnxAuthor = z.strictObject({
  path: z.string().min(1),
  inputs: z.record(z.string(), z.string()).default({}),
  outputs: z.record(z.string(), z.string()).default({}),
  stack: z.record(z.string(), z.array(z.string()).min(1)).optional(),
  constants: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).optional(),
  pad: z.record(z.string(), padding).optional(),
  batchSize: z.number().int().min(1).optional(),
  mixesRows: z.literal(true).optional(),
});
export type Author = z.output<typeof onnxAuthor>;

/** dtypes that may be cast on the way into a graph without surprise; `TakenBy` says the same to the checker. */
export const castable = (seen: string, wanted: string): boolean =>
  seen === wanted ||
  (/^u?int(8|16|32|64)$/.test(seen) && /^int(32|64)$/.test(wanted)) ||
  (/^float(16|32|64)$/.test(seen) && /^float(16|32|64)$/.test(wanted)) ||
  (seen === "bool" && /^(int|float)(32|64)$/.test(wanted));

/** A tensor `c__values` or `c__offsets` is a part of the column `c`, unless a column has the tensor's own name. */
export const PAIR = /^(.*)__(values|offsets)$/;

/** Name of the column that a tensor takes. */
export function wantedColumn(call: Call<Author>, { name }: OnnxTensor): string {
  const [, list] = PAIR.exec(name) ?? [];
  return (
    call.params.inputs[name] ?? (list !== undefined && !call.input.some(b => b.column.name === name) ? list : name)
  );
}

export const columnOf = (call: Call<Author>, tensor: OnnxTensor): Bound | undefined => {
  const name = wantedColumn(call, tensor);
  return call.input.find(b => b.column.name === name);
};

/** Columns that a model lacks together are those of a workflow that is not there: one message for all. */
export function reportMissing(call: Call<Author>, tensors: readonly OnnxTensor[]): undefined {
  const { path } = call.params;
  const wanted = [...new Set(tensors.map(tensor => wantedColumn(call, tensor)))];
  const workflow = call.artefacts.workflowMaking(wanted);
  const way =
    workflow === undefined
      ? `Put the fitted workflow of the model before it: \`>> transformWorkflow("etl/…") >> predictOnnx("${path}")\`; or bind columns by name: \`{ inputs: { "${tensors[0]!.name}": "column" } }\`.`
      : `\`${workflow}\` makes them: \`>> transformWorkflow("${workflow}") >> predictOnnx("${path}")\`.`;
  return call.fail(
    messages.onnxInputsWithoutColumns({
      path,
      tensors: listNames(tensors.map(({ name }) => name)),
      columns: listNames(namesOf(call.input)),
      way,
    }),
    { literal: path },
  );
}

/** Columns of the tensors' names and of other types are raw ones, where a fitted workflow makes the model's: one message for all. */
export function reportRaw(call: Call<Author>, tensors: readonly OnnxTensor[]): boolean {
  const { path } = call.params;
  const raw = tensors.flatMap(tensor => {
    const column = columnOf(call, tensor)?.column;
    return column && tensor.dtype && !castable(column.dtype, tensor.dtype)
      ? [{ dtype: column.dtype, text: `\`${column.name}\` (${printType(column)} for ${tensor.dtype})` }]
      : [];
  });
  // One column of another number type is a mistake of its own.
  const isRaw = raw.length > 1 || raw.some(({ dtype }) => dtype === "string");
  const workflow = !isRaw
    ? undefined
    : call.artefacts.workflowMaking(tensors.map(tensor => wantedColumn(call, tensor)));
  if (workflow === undefined) return false;
  call.fail(messages.onnxRawColumns({ path, workflow, columns: raw.map(({ text }) => text).join(", ") }), {
    literal: path,
  });
  return true;
}

/** Whether every id that a column may hold is in the table that the graph looks it up in; reports one that is not. */
export function tablesHold(
  { fail }: Pick<Call<unknown>, "fail">,
  path: string,
  bound: readonly Tied[],
  { lookUps = [] }: OnnxSignature,
): boolean {
  for (const { input, table, rows } of lookUps) {
    const column = bound.find(({ tensor }) => tensor === input)?.bound.column;
    const largest = domainMax(column?.properties.domain);
    if (!column || largest === undefined || largest < rows) continue;
    fail(messages.onnxTableSmall({ path, column: column.name, table, rows, largest, needed: largest + 1 }), {
      literal: path,
    });
    return false;
  }
  return true;
}
