/**
 * A layer that notes, while it is told to, what each step of a plan made.
 */
import { datatype } from "../../triton-protos/datatype.js";
import type { RequestTensor } from "../data-plane/request.js";
import type { Column } from "../plan/table.js";
import { valuesTensor } from "../plan/tensor-values.js";
import type { Around } from "../repository/around.js";
import type { StageTrace } from "./diff-target.js";

export interface StageCapture {
  readonly around: Around;
  begin(): void;
  /** The stages since `begin`, in the order of the plan. */
  end(): readonly StageTrace[];
}

export function captureStages(): StageCapture {
  let noted: { readonly place: number; readonly trace: StageTrace }[] | undefined;
  return {
    around: {
      async step({ plan, step }, prepare) {
        const kernel = await prepare();
        const place = plan.steps.indexOf(step);
        const note = (columns: readonly Column[]): readonly Column[] => {
          noted?.push({
            place,
            trace: {
              stage: step.label,
              tensors: columns.flatMap((column, i) => tensors(step.outputs[i]!.name, column)),
            },
          });
          return columns;
        };
        return {
          ...kernel,
          run(inputs, context) {
            const made = kernel.run(inputs, context);
            return made instanceof Promise ? made.then(note) : note(made);
          },
        };
      },
    },
    begin() {
      noted = [];
    },
    end() {
      const traces = (noted ?? []).toSorted((a, b) => a.place - b.place).map(({ trace }) => trace);
      noted = undefined;
      return traces;
    },
  };
}

function tensors(name: string, { dtype, values, offsets, width, rows, validity }: Column): readonly RequestTensor[] {
  const shape = width === undefined ? [values.length] : [rows.count, width];
  const int32 = (label: string, list: Int32Array): RequestTensor => valuesTensor(label, "int32", [list.length], list);
  return [
    ...(rows.offsets ? [int32(`${name} (rows per request)`, rows.offsets)] : []),
    ...(offsets ? [int32(`${name} (list offsets)`, offsets)] : []),
    ...(validity
      ? [{ name: `${name} (validity)`, datatype: datatype("bool").wire, shape: [validity.length], data: validity }]
      : []),
    valuesTensor(name, dtype, shape, values),
  ];
}
