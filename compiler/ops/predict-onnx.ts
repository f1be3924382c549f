/** Runs an ONNX model: columns are bound to its tensors by name. */
import { basename } from "node:path";
import { z } from "zod";
import type { OnnxTensor } from "../../triton-protos/artefacts/onnx.js";
import { type DType, isDType } from "../../triton-protos/datatype.js";
import { type ColumnSchema, column, printType } from "../../triton-protos/schema.js";
import { didYouMean, listNames } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import type { ArtefactOf, OnnxArtefact, PathOf } from "../dsl/artefacts.js";
import type { IsUnknown, Keep, NameOf } from "../dsl/column.js";
import { Op } from "../dsl/node.js";
import type { OpenRule, Rule } from "../dsl/rule.js";
import type { TakenBy } from "../dsl/wanted.js";
import { namesOf, needType, sameRows } from "./columns.js";
import { type Bound, type Call, defineOp } from "./define-op.js";

const author = z.strictObject({
  path: z.string().min(1),
  inputs: z.record(z.string(), z.string()).default({}),
  outputs: z.record(z.string(), z.string()).default({}),
});
type Author = z.output<typeof author>;

export interface PredictOnnxOptions {
  /** Tensor → column, where the names differ. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Tensor → name of the column it becomes, where it should differ. */
  readonly outputs?: Readonly<Record<string, string>>;
}

/** The name that options give a tensor, or its own. */
type Given<O, Side extends "inputs" | "outputs", N extends string> =
  O extends Readonly<Record<Side, Readonly<Record<N, infer C extends string>>>> ? C : N;

/** `"int64 item_id"` of the graph, in columns S: nothing, or a sentence. A ragged column `c` binds `c__values` and `c__offsets`. */
type Unbound<P extends string, T, O, S extends string> = T extends `${infer Type} ${infer N}`
  ? Given<O, "inputs", N> extends infer C extends string
    ? C extends NameOf<S>
      ? [Keep<S, C>] extends [`${TakenBy<Type>} ${C}`]
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
 * Runs an ONNX model. Each input tensor takes the column of its name; `[n]`, `[n, 1]` and `[n, d]` fit scalars and vectors, a ragged column
 * `c` binds the pair `c__values`, `c__offsets`.
 * @param path ONNX file, relative to this file
 * @example pairs >> transformWorkflow("etl/ranking") >> predictOnnx("models/dlrm.onnx")
 */
export function predictOnnx<const P extends PathOf<"onnx">, const O extends PredictOnnxOptions = Record<never, never>>(
  path: P,
  options?: O,
): Op<[ArtefactOf<P, "onnx">] extends [never] ? OpenRule : OnnxRule<P, O, ArtefactOf<P, "onnx">>> {
  return new Op("predictOnnx", { path, ...options });
}

/** dtypes that may be cast on the way into a graph without surprise; `TakenBy` says the same to the checker. */
const castable = (seen: string, wanted: string): boolean =>
  seen === wanted ||
  (/^u?int(8|16|32|64)$/.test(seen) && /^int(32|64)$/.test(wanted)) ||
  (seen === "float64" && wanted === "float32") ||
  (seen === "float32" && wanted === "float64") ||
  (seen === "bool" && /^(int|float)(32|64)$/.test(wanted));

export const predictOnnxOp = defineOp({
  kind: "predictOnnx",
  params: author,
  facts: { elementwise: false, inWorkflow: false, prunable: true },
  infer: call => {
    const { path } = call.params;
    const read = call.artefacts.onnx(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    const stray = [
      ...Object.keys(call.params.inputs).filter(t => !read.value.inputs.some(i => i.name === t)),
      ...Object.keys(call.params.outputs).filter(t => !read.value.outputs.some(o => o.name === t)),
    ][0];
    if (stray !== undefined) {
      const tensors = [...read.value.inputs, ...read.value.outputs].map(t => t.name);
      return call.fail(
        messages.graphParameter({
          operator: "predictOnnx",
          problem: `\`${path}\` has no tensor \`${stray}\`; it has ${listNames(tensors)}.${didYouMean(stray, tensors)}`,
          way: "Name a tensor of the graph.",
        }),
        { literal: stray },
      );
    }
    const bound = read.value.inputs.map(tensor => bind(call, tensor));
    const outputs = read.value.outputs.map(tensor => output(call, tensor));
    if (bound.some(b => !b) || outputs.some(o => !o)) return undefined;
    const input = [...new Set(bound.map(b => b!.bound))];
    if (!sameRows(call, input, `\`predictOnnx("${path}")\``)) return undefined;
    const rows = input[0]?.column.rows;
    const name = basename(path)
      .replace(/\.onnx$/, "")
      .replace(/[^\w-]/g, "_");
    const model = `${call.program}_${name}`;
    return {
      params: {
        path,
        model,
        inputs: Object.fromEntries(bound.map(b => [b!.tensor, b!.bound.column.name])),
        outputs: Object.fromEntries(outputs.map(o => [o!.column.name, o!.tensor])),
      },
      inputs: { input },
      outputs: outputs.map(o => ({ ...o!.column, ...(rows !== undefined && { rows }) })),
      model: { name: model, from: read.path },
    };
  },
});

function bind(call: Call<Author>, tensor: OnnxTensor): { tensor: string; bound: Bound } | undefined {
  const { path } = call.params;
  const pair = /^(.*)__(values|offsets)$/.exec(tensor.name);
  const name =
    call.params.inputs[tensor.name] ??
    (pair && !call.input.some(b => b.column.name === tensor.name) ? pair[1]! : tensor.name);
  const bound = call.input.find(b => b.column.name === name);
  const type = `${tensor.dtype ?? "unknown"} [${tensor.shape.map(d => d ?? "?").join(", ")}]`;
  if (!bound) {
    call.fail(
      messages.onnxInputWithoutColumn({
        path,
        tensor: tensor.name,
        type,
        columns: listNames(namesOf(call.input)),
        suggestion: didYouMean(name, namesOf(call.input)),
      }),
      { literal: path },
    );
    return undefined;
  }
  const reader = `\`${path}\``;
  if (pair && bound.column.list) return { tensor: tensor.name, bound };
  if (!tensor.dtype || !isDType(tensor.dtype))
    return call.fail(messages.onnxShapeUnsupported({ path, tensor: tensor.name, shape: type }), { literal: path });
  const width = vectorWidth(tensor);
  if (width === undefined)
    return call.fail(
      messages.onnxShapeUnsupported({ path, tensor: tensor.name, shape: tensor.shape.map(d => d ?? "?").join(", ") }),
      { literal: path },
    );
  const wanted: Pick<ColumnSchema, "dtype" | "list"> = {
    dtype: tensor.dtype,
    ...(width !== null && { list: { min: width, max: width } }),
  };
  const { list } = bound.column;
  const way = `Make \`${bound.column.name}\` ${printType(wanted)} before it, or export the model for ${printType(bound.column)}.`;
  if (wanted.list && list && (list.min !== list.max || (wanted.list.min >= 0 && list.min !== wanted.list.min)))
    return call.fail(
      messages.schemaDtypeMismatch({
        reader,
        column: name,
        wanted: printType(wanted),
        seen: printType(bound.column),
        way,
      }),
    );
  return needType(call, bound, wanted, reader, way, castable) ? { tensor: tensor.name, bound } : undefined;
}

/** Null for a scalar per row, d for `[n, d]`, undefined for what a column cannot be. −1 stands for any width. */
export function vectorWidth({ shape }: Pick<OnnxTensor, "shape">): number | null | undefined {
  if (shape.length === 1) return null;
  if (shape.length !== 2) return undefined;
  const [, d] = shape;
  return typeof d === "number" ? (d === 1 ? null : d) : -1;
}

function output(call: Call<Author>, tensor: OnnxTensor): { tensor: string; column: ColumnSchema } | undefined {
  const width = vectorWidth(tensor);
  if (width === undefined || width === -1 || !tensor.dtype || !isDType(tensor.dtype)) {
    call.fail(
      messages.onnxShapeUnsupported({
        path: call.params.path,
        tensor: tensor.name,
        shape: tensor.shape.map(d => d ?? "?").join(", "),
      }),
      { literal: call.params.path },
    );
    return undefined;
  }
  const name = call.params.outputs[tensor.name] ?? tensor.name;
  return {
    tensor: tensor.name,
    column: column(name, tensor.dtype as DType, { ...(width !== null && { list: { min: width, max: width } }) }),
  };
}
