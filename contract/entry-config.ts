/**
 * Plan → config.pbtxt of the model that runs it whole.
 */

import { type ConfigType, type DType, datatype } from "../triton-protos/datatype.js";
import type { ModelConfigInit } from "../triton-protos/model-config.js";
import { type AnswerForm, isPadded, isPaired } from "./answer-form.js";
import type { Plan } from "./plan.js";
import type { ColumnSchema } from "./schema.js";

export type NamedConfig = ModelConfigInit & { readonly name: string };

export interface TensorConfig {
  readonly name: string;
  readonly data_type: ConfigType;
  readonly dims: readonly number[];
}
export const tensor = (name: string, dtype: DType, dims: readonly number[]): TensorConfig => ({
  name,
  data_type: datatype(dtype).config,
  dims: [...dims],
});

/** What the entry is: its name, its most rows, and how its tensors look. */
export interface Entry {
  readonly name: string;
  /** 0 where it has no batch dimension. */
  readonly maxBatchSize: number;
  readonly form: AnswerForm;
  /** Names of answers that say by `NAME__validity` which of their values are null. */
  readonly nullable?: ReadonlySet<string>;
}

/** BOOL tensor beside a column's: false for a null. */
export const validityName = (column: string): string => `${column}__validity`;

export function entryConfig(plan: Plan, { name, maxBatchSize, form, nullable }: Entry): NamedConfig {
  return {
    name,
    backend: "merlon",
    max_batch_size: maxBatchSize,
    input: plan.inputs.flatMap(col => own(col, form)),
    output: entryTensors(plan.outputs, form, nullable),
  };
}

/** Tensors that answers leave in, dims without the batch dimension. */
export const entryTensors = (
  outputs: Plan["outputs"],
  form: AnswerForm,
  nullable: ReadonlySet<string> = new Set(),
): TensorConfig[] =>
  outputs.flatMap(({ schema }) => {
    const tensors = answerTensors(schema, form);
    const { name } = schema;
    return nullable.has(name)
      ? [...tensors, { ...tensors[0]!, name: validityName(name), data_type: datatype("bool").config }]
      : tensors;
  });

function answerTensors(schema: ColumnSchema, form: AnswerForm): TensorConfig[] {
  if (isPadded(schema, form)) return [tensor(schema.name, schema.dtype, form === "batched" ? [-1] : [-1, -1])];
  return own(schema, form);
}

/** A column whose rows are the request's, or that leaves as a pair. */
function own(col: ColumnSchema, form: AnswerForm): TensorConfig[] {
  const { name, dtype, list } = col;
  if (isPaired(col, form)) return [tensor(`${name}__values`, dtype, [-1]), tensor(`${name}__offsets`, "int32", [-1])];
  if (form === "batched") return [tensor(name, dtype, [list ? list.min : 1])];
  return [tensor(name, dtype, list ? [-1, list.min] : [-1])];
}
