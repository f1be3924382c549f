/** Feature columns → one matrix, nulls as NaN → the forest's predictions, from an ONNX model of the same server. */

import type { Column } from "../../runtime/base/columns/table.js";
import { internal, invalid } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { datatype } from "../../triton-protos/datatype.js";
import { askModel, type ModelAnswer } from "../shared/kernel/ask-model.js";

export const predictForest: Kernel<"predictForest"> = {
  prepare: async (step, context) => {
    const { model, features, dtype } = step.params;
    const refs = step.inputs.input;
    const places = features.map(name => refs.findIndex(ref => ref.name === name));
    const { inputs, outputs } = await context.models.describe(model);
    const [input, output] = [inputs[0], outputs[0]];
    if (!input || !output || places.includes(-1))
      throw invalid(`model \`${model}\` is not a forest of this plan. Build the ensemble again.`);
    const wanted = [output.name];
    const width = step.outputs[0].list?.min;
    const { array } = datatype(dtype);
    const Matrix = array as Float64ArrayConstructor;
    return {
      run: ({ input: columns }, { signal, models = context.models }) => {
        const { rows } = columns[0];
        const shape = width === undefined ? {} : { width };
        if (rows.count === 0) return [{ dtype: "float32", rows, values: new Float32Array(0), ...shape }];
        const matrix = new Matrix(rows.count * features.length);
        places.forEach((place, feature) => {
          fill(matrix, columns[place]!, feature, features.length);
        });
        const column = ([answer]: ModelAnswer): Column[] => {
          const values = answer?.values;
          if (values?.length !== rows.count * (width ?? 1))
            throw internal(
              `model \`${model}\` answered ${values?.length ?? 0} values for ${rows.count} rows of ${width ?? 1}.`,
            );
          return [{ dtype: "float32", rows, values, ...shape }];
        };
        const tensor = { name: input.name, dtype, shape: [rows.count, features.length], values: matrix };
        const answer = askModel(models, model, [tensor], wanted, signal);
        return answer instanceof Promise ? answer.then(column) : column(answer);
      },
    };
  },
};

/** Writes a column into every `stride`-th place. */
function fill(matrix: Float64Array, { values, validity }: Column, first: number, stride: number): void {
  const numbers = values as unknown as ArrayLike<number | bigint>;
  for (let i = 0, at = first; i < numbers.length; i++, at += stride)
    matrix[at] = validity?.[i] === 0 ? Number.NaN : Number(numbers[i]);
}
