/** Runs an ONNX model: columns are bound to its tensors by name. */

import type { ArtefactOf, OnnxArtefact, PathOf } from "../../compiler/dsl/artefacts.js";
import type { IsUnknown, Keep, NameOf } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule, Rule } from "../../compiler/dsl/rule.js";
import type { Settled, TakenBy } from "../../compiler/dsl/wanted.js";
import { defined } from "../../contract/defined.js";
import type { OnnxTensor } from "../../formats/onnx/onnx.js";
import { sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { sameFit, type Tied } from "../shared/author/same-fit.js";
import { columnOf, onnxAuthor, reportMissing, reportRaw, tablesHold } from "./author-columns.js";
import { bind, bindStack, checkConstant, namesTensors, output, takesAnyRows } from "./author-tensors.js";

export interface PredictOnnxOptions {
  /** Tensor → column, where the names differ. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Tensor → name of the column it becomes, where it should differ. */
  readonly outputs?: Readonly<Record<string, string>>;
  /**
   * Tensor → columns that it takes side by side, as one matrix `[n, columns]`; vectors take their width. In a tensor `[n, slots, d]` a slot is a
   * column of `d` values.
   */
  readonly stack?: Readonly<Record<string, readonly string[]>>;
  /** Tensor → a value that it always has. */
  readonly constants?: Readonly<Record<string, number | string | boolean>>;
  /**
   * Tensor `[n, length]` → how its ragged column becomes a rectangle: short lists get `value` on that side, long ones lose items there. If
   * the graph leaves the length open, it is that of the longest list.
   */
  readonly pad?: Readonly<Record<string, { readonly value?: number; readonly side?: "left" | "right" }>>;
  /** Most rows of one call: more are cut into several, and answered as one. A graph with a fixed number of rows needs that number here. */
  readonly batchSize?: number;
  /**
   * A row's outputs may depend on the other rows of its request, as by a softmax over them. Requests then run one by one, and `merlon build`
   * does not refuse the model.
   */
  readonly mixesRows?: true;
}

/** The name that options give a tensor, or its own. */
type Given<O, Side extends "inputs" | "outputs", N extends string> =
  O extends Readonly<Record<Side, Readonly<Record<N, infer C extends string>>>> ? C : N;

/** Tensors that are not bound to one column of their type: stacked, constant or padded ones. */
type Apart<O> = O extends PredictOnnxOptions ? keyof O["stack"] | keyof O["constants"] | keyof O["pad"] : never;

/** `"int64 item_id"` of the graph, in columns S: nothing, or a sentence. A ragged column `c` binds `c__values` and `c__offsets`. */
type Unbound<P extends string, T, O, S extends string> = T extends `${infer Type} ${infer N}`
  ? N extends Apart<O>
    ? never
    : Given<O, "inputs", N> extends infer C extends string
      ? C extends NameOf<S>
        ? [Settled<Type, Keep<S, C>>] extends [`${TakenBy<Type>} ${C}`]
          ? never
          : `${P} needs column "${Type} ${C}", but upstream provides "${Keep<S, C>}"`
        : N extends `${infer R}__${"values" | "offsets"}`
          ? R extends NameOf<S>
            ? never
            : `${P} needs column "${Type} ${C}", which nothing upstream provides`
          : `${P} needs column "${Type} ${C}", which nothing upstream provides`
      : never
  : never;

type Made<T, O> = T extends `${infer Type} ${infer N}` ? `${Type} ${Given<O, "outputs", N>}` : never;

interface OnnxRule<P extends string, O, A extends OnnxArtefact> extends Rule {
  readonly fault: IsUnknown<this["S"]> extends true ? never : Unbound<P, A["inputs"], O, this["S"]>;
  readonly out: Made<A["outputs"], O>;
}

/**
 * Runs an ONNX model. Each input tensor takes the column of its name. `[n]`, `[n, 1]` and `[n, d]` fit scalars and vectors, a ragged column
 * `c` binds the pair `c__values`, `c__offsets`. Columns are cast if the values stay equal: integers to int32 and int64 (or the request
 * fails), floats to float16, float32 and float64. Bools are cast to int32, int64, float32 and float64. Every dtype but bfloat16 may be an
 * input or an output.
 * @param path ONNX file, relative to this file
 * @example pairs >> transformWorkflow("etl/ranking") >> predictOnnx("models/dlrm.onnx")
 */
export function predictOnnx<const P extends PathOf<"onnx">, const O extends PredictOnnxOptions = Record<never, never>>(
  path: P,
  options?: O,
): Op<[ArtefactOf<P, "onnx">] extends [never] ? OpenRule : OnnxRule<P, O, ArtefactOf<P, "onnx">>> {
  return new Op("predictOnnx", { path, ...options });
}

export const predictOnnxOp = defineOp({
  kind: "predictOnnx",
  positional: ["path"],
  params: onnxAuthor,
  infer: call => {
    const { path } = call.params;
    const read = call.artefacts.onnx(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    const { stack, constants, pad, batchSize, mixesRows } = call.params;
    if (!namesTensors(call, read.value) || !takesAnyRows(call, read.value)) return undefined;
    const isStacked = (tensor: OnnxTensor) => Object.hasOwn(stack ?? {}, tensor.name);
    const isConstant = (tensor: OnnxTensor) => Object.hasOwn(constants ?? {}, tensor.name);
    const single = read.value.inputs.filter(tensor => !isStacked(tensor) && !isConstant(tensor));
    const missing = single.filter(tensor => !columnOf(call, tensor));
    if (missing.length > 1) return reportMissing(call, missing);
    if (reportRaw(call, single)) return undefined;
    const bound = single.map(tensor => bind(call, tensor));
    const stacked = read.value.inputs.filter(isStacked).map(tensor => bindStack(call, tensor, stack![tensor.name]!));
    const fixed = read.value.inputs.filter(isConstant).map(tensor => checkConstant(call, tensor));
    const outputs = read.value.outputs.map(tensor => output(call, tensor, read.value));
    if ([...bound, ...stacked, ...outputs].some(b => !b) || fixed.includes(false)) return undefined;
    const input = [...new Set([...bound.map(b => b!.bound), ...stacked.flatMap(columns => columns!)])];
    if (input.length === 0)
      return call.refuse(
        `no tensor of \`${path}\` has a column, so nothing says how many rows there are.`,
        "Bind a column to one of its inputs.",
        { literal: path },
      );
    if (!sameRows(call, input, `\`predictOnnx("${path}")\``)) return undefined;
    // A stacked column keeps its own name.
    const stackedAs = stacked.flatMap(columns => columns!.map(bound => ({ tensor: bound.column.name, bound })));
    if (!sameFit(call, path, [...(bound as Tied[]), ...stackedAs], read.value)) return undefined;
    if (!tablesHold(call, path, bound as Tied[], read.value)) return undefined;
    const rows = input[0]?.column.rows;
    const model = call.model(path, read.path);
    return {
      params: {
        path,
        model: model.name,
        inputs: Object.fromEntries(bound.map(b => [b!.tensor, b!.bound.column.name])),
        outputs: Object.fromEntries(outputs.map(o => [o!.column.name, o!.tensor])),
        ...defined({ stack, constants, pad, batchSize, mixesRows }),
      },
      inputs: { input },
      outputs: outputs.map(o => ({ ...o!.column, ...(rows !== undefined && { rows }) })),
      model,
    };
  },
});
