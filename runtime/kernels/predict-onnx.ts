/** Columns bound to the tensors of an ONNX model -> its outputs as columns of the same rows. The model is a model of the same server. */
import { type DType, wireDatatype } from "../../triton-protos/datatype.js";
import type { Step } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import { castValues } from "../plan/cast.js";
import type { Kernel, ModelDescription, TensorDescription } from "../plan/kernel.js";
import { allocate, type Column, type Rows } from "../plan/table.js";
import { tensorValues, valuesTensor } from "../plan/tensor-values.js";
import type { Tensor } from "../tensor.js";

export const predictOnnx: Kernel<"predictOnnx"> = {
  prepare: async (step, context) => {
    const { model } = step.params;
    const description = await context.models.describe(model);
    const bindings = bindInputs(step, description);
    const outputs = step.outputs.map(col => bindOutput(step, description, col.name));
    const wanted = outputs.map(output => output.tensor);
    return {
      run: async (inputs, { signal }) => {
        const columns = inputs.input!;
        const { rows } = columns[0]!;
        // Graphs disagree about what no rows are, so they are not asked.
        if (rows.count === 0) return step.outputs.map(col => empty(col.dtype, rows, col.list?.min));
        const tensors = bindings.map(bind => bind(columns));
        const answer = await context.models.infer(model, tensors, wanted, signal);
        const byName = new Map(answer.map(tensor => [tensor.name, tensor]));
        return outputs.map(({ tensor, column, width }) =>
          toColumn(byName.get(tensor), tensor, column.dtype, rows, width, model),
        );
      },
    };
  },
};

type Binding = (columns: readonly Column[]) => Tensor;

function bindInputs(step: Step<"predictOnnx">, { inputs }: ModelDescription): Binding[] {
  const refs = step.inputs.input!;
  for (const tensor of Object.keys(step.params.inputs))
    if (!inputs.some(input => input.name === tensor))
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `model \`${step.params.model}\` has no input \`${tensor}\`. Build the ensemble again.`,
      );
  return inputs.map(input => {
    const name = step.params.inputs[input.name];
    const at = refs.findIndex(ref => ref.name === name);
    if (name === undefined || at < 0)
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `input \`${input.name}\` of model \`${step.params.model}\` has no column. Build the ensemble again.`,
      );
    const wanted = wireDatatype(input.datatype)!.name;
    return columns => toTensor(columns[at]!, name, input, wanted);
  });
}

function toTensor(col: Column, name: string, input: TensorDescription, wanted: DType): Tensor {
  const what = `column \`${name}\``;
  const { count } = col.rows;
  if (col.offsets) {
    if (input.name.endsWith("__offsets"))
      return valuesTensor(input.name, wanted, [col.offsets.length], castValues(col.offsets, "int32", wanted, what));
    if (!input.name.endsWith("__values"))
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `${what} holds lists of any length, and tensor \`${input.name}\` takes one length. Export the model with \`${name}__values\` and \`${name}__offsets\`.`,
      );
    return valuesTensor(input.name, wanted, [col.values.length], castValues(col.values, col.dtype, wanted, what));
  }
  refuseNulls(col, what);
  const { width } = col;
  const dim = input.shape[1];
  if (
    input.shape.length > 2 ||
    (width !== undefined && width !== 1 && (dim === undefined || (dim !== -1 && dim !== width)))
  )
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `${what} holds ${col.dtype}[${width ?? 1}] a row, and tensor \`${input.name}\` has the shape [${input.shape.join(", ")}].`,
    );
  const shape = input.shape.length === 2 ? [count, width ?? 1] : [count];
  return valuesTensor(input.name, wanted, shape, castValues(col.values, col.dtype, wanted, what));
}

/** An integer or string null has no form in a tensor; a float null is NaN, which the graph may know how to take. */
function refuseNulls({ validity, width }: Column, what: string): void {
  const at = validity?.indexOf(0) ?? -1;
  if (at >= 0)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `${what} is null at row ${Math.floor(at / (width ?? 1))}. Fill nulls before the model, with \`fillMissing\` or \`onMissing\`.`,
    );
}

function bindOutput(step: Step<"predictOnnx">, { outputs }: ModelDescription, name: string) {
  const tensor = step.params.outputs[name];
  const found = outputs.find(output => output.name === tensor);
  if (tensor === undefined || !found)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `model \`${step.params.model}\` has no output \`${tensor ?? name}\`. Build the ensemble again.`,
    );
  const column = step.outputs.find(col => col.name === name)!;
  return { tensor, column, width: column.list?.min };
}

function toColumn(
  tensor: Tensor | undefined,
  name: string,
  dtype: DType,
  rows: Rows,
  width: number | undefined,
  model: string,
): Column {
  if (!tensor) throw new RuntimeFault("INTERNAL", `model \`${model}\` did not answer \`${name}\`.`);
  const seen = wireDatatype(tensor.datatype)!.name;
  const values = castValues(tensorValues(tensor, seen), seen, dtype, `output \`${name}\``);
  if (values.length !== rows.count * (width ?? 1) || (tensor.shape[0] ?? 1) !== rows.count)
    throw new RuntimeFault(
      "INTERNAL",
      `model \`${model}\` answered \`${name}\` with the shape [${tensor.shape.join(", ")}] for ${rows.count} rows of ${width ?? 1}.`,
    );
  return { dtype, rows, values, ...(width !== undefined && { width }) };
}

const empty = (dtype: DType, rows: Rows, width: number | undefined): Column => ({
  dtype,
  rows,
  values: allocate(dtype, 0),
  ...(width !== undefined && { width }),
});
