/** Columns bound to the tensors of an ONNX model → its outputs as columns of the same rows. The model is a model of the same server. */

import type { Step } from "../../contract/plan.js";
import { castValues } from "../../runtime/base/columns/cast.js";
import { allocate, type Column, gather, type Rows, rootRows, type Values } from "../../runtime/base/columns/table.js";
import { internal, invalid } from "../../runtime/base/errors.js";
import type { TypedTensor } from "../../runtime/base/tensor.js";
import type { Kernel, ModelDescription, RunContext, TensorDescription } from "../../runtime/engine/schedule/kernel.js";
import { type DType, wireDatatype } from "../../triton-protos/datatype.js";
import { askModel, type ModelAnswer } from "../shared/kernel/ask-model.js";
import { constantTensor, nameLookUp, padLists, refuseNulls, stackColumns, tensorOf } from "./kernel-inputs.js";

export const predictOnnx: Kernel<"predictOnnx"> = {
  prepare: async (step, context) => {
    const { model, batchSize } = step.params;
    const description = await context.models.describe(model);
    const bindings = bindInputs(step, description);
    const fixed = fixedRows(step, description);
    const outputs = step.outputs.map(col => bindOutput(step, description, col.name));
    const wanted = outputs.map(output => output.tensor);
    const read = (answer: ModelAnswer, rows: Rows): Column[] =>
      outputs.map((output, i) => toColumn(answer[i], output, rows, model));
    const ask = (columns: readonly Column[], { signal, models = context.models }: RunContext) => {
      const { rows } = columns[0]!;
      if (fixed && fixed.shape[0] !== rows.count)
        throw invalid(
          `model \`${model}\` takes ${fixed.shape[0]} ${fixed.shape[0] === 1 ? "row" : "rows"} at a time, since \`${fixed.name}\` has the shape [${fixed.shape.join(", ")}], and the request has ${rows.count}. Export it with a first dimension that varies (torch: \`dynamic_axes\` or \`dynamic_shapes\`)${fixed.shape[0] === 1 ? ", or run it row by row, `batchSize: 1`" : ""}.`,
        );
      const tensors = bindings.map(bind => bind(columns));
      const named = (error: unknown): never => {
        const columnOf = ({ name }: TypedTensor) => step.params.inputs[name];
        throw nameLookUp(
          error,
          model,
          tensors.map(tensor => ({ tensor, column: columnOf(tensor) })),
        );
      };
      try {
        const answer = askModel(models, model, tensors, wanted, signal);
        return answer instanceof Promise ? answer.then(later => read(later, rows), named) : read(answer, rows);
      } catch (error) {
        return named(error);
      }
    };
    return {
      mixesRows: step.params.mixesRows === true,
      run: (inputs, run) => {
        const columns = inputs.input;
        const { rows } = columns[0];
        // Graphs disagree about empty inputs, so they are not run.
        if (rows.count === 0) return step.outputs.map(col => empty(col.dtype, rows, col.list?.min));
        if (batchSize === undefined || rows.count <= batchSize) return ask(columns, run);
        const { models = context.models } = run;
        return askInParts(
          some => ask(some, run),
          columns,
          batchSize,
          () => models.loaded?.(model),
        );
      },
    };
  },
};

/** @param loaded the version of the model that answers now */
async function askInParts(
  ask: (some: readonly Column[]) => Column[] | Promise<Column[]>,
  columns: readonly Column[],
  batchSize: number,
  loaded: () => object | undefined,
): Promise<Column[]> {
  const { rows } = columns[0]!;
  const version = loaded();
  const parts: Column[][] = [];
  for (let start = 0; start < rows.count; start += batchSize)
    parts.push(await ask(sliceRows(columns, start, Math.min(rows.count, start + batchSize))));
  // Parts of an old and of a new model are no answer: where it was replaced meanwhile, the new one answers all of them.
  if (loaded() !== version) return askInParts(ask, columns, batchSize, loaded);
  return parts[0]!.map((first, i) => ({ ...first, rows, values: joinValues(parts.map(part => part[i]!.values)) }));
}

type Binding = (columns: readonly Column[]) => TypedTensor;

/** A run of rows of every column, as rows of their own. */
function sliceRows(columns: readonly Column[], start: number, end: number): Column[] {
  const rows = rootRows(end - start);
  const indices = Int32Array.from({ length: end - start }, (_, i) => start + i);
  return columns.map(col => gather(col, indices, rows));
}

function joinValues(parts: readonly Values[]): Values {
  if (Array.isArray(parts[0])) return (parts as string[][]).flat();
  const made = new (parts[0]!.constructor as Float64ArrayConstructor)(parts.reduce((sum, v) => sum + v.length, 0));
  let at = 0;
  for (const part of parts) {
    made.set(part as Float64Array, at);
    at += part.length;
  }
  return made;
}

function bindInputs(step: Step<"predictOnnx">, { inputs }: ModelDescription): Binding[] {
  const refs = step.inputs.input;
  for (const tensor of Object.keys(step.params.inputs))
    if (!inputs.some(input => input.name === tensor))
      throw invalid(`model \`${step.params.model}\` has no input \`${tensor}\`. Build the ensemble again.`);
  const { stack, constants, pad } = step.params;
  const place = (name: string): number => {
    const at = refs.findIndex(ref => ref.name === name);
    if (at >= 0) return at;
    throw invalid(
      `model \`${step.params.model}\` reads column \`${name}\`, which the step lacks. Build the ensemble again.`,
    );
  };
  return inputs.map((input): Binding => {
    const dtype = wireDatatype(input.datatype)!.name;
    const constant = constants?.[input.name];
    if (constant !== undefined) return columns => constantTensor(input, dtype, constant, columns[0]!.rows.count);
    const names = stack?.[input.name];
    if (names) {
      const places = names.map(place);
      return columns =>
        stackColumns(
          input,
          dtype,
          places.map(at => columns[at]!),
          names,
        );
    }
    const name = step.params.inputs[input.name];
    const padding = pad?.[input.name];
    if (padding && name !== undefined) {
      const at = place(name);
      return columns => padLists(input, dtype, columns[at]!, padding, `column \`${name}\``);
    }
    const at = refs.findIndex(ref => ref.name === name);
    if (name === undefined || at < 0)
      throw invalid(
        `input \`${input.name}\` of model \`${step.params.model}\` has no column. Build the ensemble again.`,
      );
    const [, side] = /__(values|offsets)$/.exec(input.name) ?? [];
    const bind = { input, dtype, what: `column \`${name}\``, name, side };
    return columns => toTensor(columns[at]!, bind);
  });
}

/** An input whose first dimension is a number, as in a graph that was exported for one batch. */
const fixedRows = (
  { params: { constants } }: Step<"predictOnnx">,
  { inputs }: ModelDescription,
): TensorDescription | undefined =>
  inputs.find(
    ({ name, shape }) => shape[0]! > 0 && constants?.[name] === undefined && !/__(values|offsets)$/.test(name),
  );

/** A tensor that takes one column. */
interface ColumnBinding {
  readonly input: TensorDescription;
  readonly dtype: DType;
  /** The column, in messages. */
  readonly what: string;
  readonly name: string;
  /** Which half of a ragged column the tensor's name says it is. */
  readonly side: string | undefined;
}

function toTensor(col: Column, { input, dtype: wanted, what, name, side }: ColumnBinding): TypedTensor {
  const { count } = col.rows;
  const offsets = col.offsets ?? (side && input.shape.length === 1 ? fixedOffsets(col) : undefined);
  if (offsets) {
    if (side === "offsets")
      return tensorOf(input, wanted, [offsets.length], castValues(offsets, "int32", wanted, what));
    refuseNulls(col, what);
    if (side === undefined)
      throw invalid(
        `${what} holds lists of any length, and tensor \`${input.name}\` takes one length. Export the model with \`${name}__values\` and \`${name}__offsets\`.`,
      );
    return tensorOf(input, wanted, [col.values.length], castValues(col.values, col.dtype, wanted, what));
  }
  refuseNulls(col, what);
  const { width } = col;
  const dim = input.shape[1];
  if (
    input.shape.length > 2 ||
    (width !== undefined && width !== 1 && (dim === undefined || (dim !== -1 && dim !== width)))
  )
    throw invalid(
      `${what} holds ${col.dtype}[${width ?? 1}] a row, and tensor \`${input.name}\` has the shape [${input.shape.join(", ")}].`,
    );
  const shape = input.shape.length === 2 ? [count, width ?? 1] : [count];
  return tensorOf(input, wanted, shape, castValues(col.values, col.dtype, wanted, what));
}

/** The start of each list, for lists of one length; undefined for a column without lists. */
const fixedOffsets = ({ width, rows }: Column): Int32Array | undefined =>
  width === undefined ? undefined : Int32Array.from({ length: rows.count + 1 }, (_, i) => i * width);

/** An output of the model, and the column that it becomes. */
interface OutputBinding {
  readonly tensor: string;
  readonly dtype: DType;
  readonly width: number | undefined;
}

function bindOutput(step: Step<"predictOnnx">, { outputs }: ModelDescription, name: string): OutputBinding {
  const tensor = step.params.outputs[name];
  const found = outputs.find(output => output.name === tensor);
  if (tensor === undefined || !found)
    throw invalid(`model \`${step.params.model}\` has no output \`${tensor ?? name}\`. Build the ensemble again.`);
  const column = step.outputs.find(col => col.name === name)!;
  return { tensor, dtype: column.dtype, width: column.list?.min };
}

function toColumn(
  tensor: TypedTensor | undefined,
  { tensor: name, dtype, width }: OutputBinding,
  rows: Rows,
  model: string,
): Column {
  if (!tensor)
    throw internal(
      `model \`${model}\` did not answer \`${name}\`, which its configuration declares. Serve a model that has the output, or build the ensemble with the one that is served.`,
    );
  const { shape, dtype: seen } = tensor;
  const values =
    seen === dtype ? tensor.values : castValues(tensor.values, seen, dtype, `output \`${name}\` of model \`${model}\``);
  if (values.length !== rows.count * (width ?? 1) || (shape[0] ?? 1) !== rows.count)
    throw internal(
      `model \`${model}\` answered \`${name}\` with the shape [${shape.join(", ")}] for ${rows.count} rows of ${width ?? 1}. Its first dimension must be the rows of the input. Export it with a variable batch dimension, and without an operator that mixes or drops rows.`,
    );
  return width === undefined ? { dtype, rows, values } : { dtype, rows, values, width };
}

const empty = (dtype: DType, rows: Rows, width: number | undefined): Column => ({
  dtype,
  rows,
  values: allocate(dtype, 0),
  ...(width !== undefined && { width }),
});
