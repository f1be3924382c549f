/** Runs an ONNX model: columns are bound to its tensors by name. */
import { didYouMean, listNames } from "../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../compiler/diagnostics/fixes.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { ArtefactOf, OnnxArtefact, PathOf } from "../../compiler/dsl/artefacts.js";
import type { IsUnknown, Keep, NameOf } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule, Rule } from "../../compiler/dsl/rule.js";
import type { Settled, TakenBy } from "../../compiler/dsl/wanted.js";
import { type ColumnSchema, column, isRagged, printType } from "../../contract/schema.js";
import { SIMILARITY } from "../../contract/similarity.js";
import type { OnnxSignature, OnnxTensor, Similarity } from "../../formats/onnx/onnx.js";
import { type DType, datatype, isDType } from "../../triton-protos/datatype.js";
import type { Bound } from "../shared/author/bound.js";
import { namesOf, need, needType, sameRows } from "../shared/author/columns.js";
import { type Call, defineOp } from "../shared/author/define-op.js";
import {
  type Author,
  castable,
  columnOf,
  onnxAuthor,
  PAIR,
  reportMissing,
  reportRaw,
  wantedColumn,
} from "./author-columns.js";
import { sameFit, type Tied, tablesHold } from "./author-fit.js";
import { bind, bindStack, checkConstant, namesTensors, output } from "./author-tensors.js";

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
  /** Most rows of one call: more are cut into several, and answered as one. */
  readonly batchSize?: number;
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
    const { stack, constants, pad, batchSize } = call.params;
    if (!namesTensors(call, read.value)) return undefined;
    const isStacked = (tensor: OnnxTensor) => Object.hasOwn(stack ?? {}, tensor.name);
    const isConstant = (tensor: OnnxTensor) => Object.hasOwn(constants ?? {}, tensor.name);
    const single = read.value.inputs.filter(tensor => !isStacked(tensor) && !isConstant(tensor));
    const missing = single.filter(tensor => !columnOf(call, tensor));
    if (missing.length > 1) return reportMissing(call, missing);
    if (reportRaw(call, single)) return undefined;
    const bound = single.map(tensor => bind(call, tensor));
    const stacked = read.value.inputs.filter(isStacked).map(tensor => bindStack(call, tensor, stack![tensor.name]!));
    const fixed = read.value.inputs.filter(isConstant).map(tensor => checkConstant(call, tensor));
    const outputs = read.value.outputs.map(tensor => output(call, tensor, read.value.similarity));
    if ([...bound, ...stacked, ...outputs].some(b => !b) || fixed.includes(false)) return undefined;
    const input = [...new Set([...bound.map(b => b!.bound), ...stacked.flatMap(columns => columns!)])];
    if (input.length === 0)
      return call.fail(
        messages.graphParameter({
          operator: "predictOnnx",
          problem: `no tensor of \`${path}\` has a column, so nothing says how many rows there are.`,
          way: "Bind a column to one of its inputs.",
        }),
        { literal: path },
      );
    if (!sameRows(call, input, `\`predictOnnx("${path}")\``)) return undefined;
    if (!sameFit(call, path, bound as Tied[], read.value)) return undefined;
    if (!tablesHold(call, path, bound as Tied[], read.value)) return undefined;
    const rows = input[0]?.column.rows;
    const model = call.model(path, read.path);
    return {
      params: {
        path,
        model: model.name,
        inputs: Object.fromEntries(bound.map(b => [b!.tensor, b!.bound.column.name])),
        outputs: Object.fromEntries(outputs.map(o => [o!.column.name, o!.tensor])),
        ...(stack && { stack }),
        ...(constants && { constants }),
        ...(pad && { pad }),
        ...(batchSize !== undefined && { batchSize }),
      },
      inputs: { input },
      outputs: outputs.map(o => ({ ...o!.column, ...(rows !== undefined && { rows }) })),
      model,
    };
  },
});

/** Reports an option that names no tensor of the graph, and a tensor of a type that no column has. */
function namesTensors(call: Call<Author>, { inputs, outputs }: OnnxSignature): boolean {
  const { path, stack, constants, pad } = call.params;
  const named = [call.params.inputs, stack, constants, pad].flatMap(record => Object.keys(record ?? {}));
  const sides = [
    { side: "input", names: named, tensors: inputs },
    { side: "output", names: Object.keys(call.params.outputs), tensors: outputs },
  ];
  for (const { side, names, tensors } of sides) {
    const known = tensors.map(tensor => tensor.name);
    const tensor = names.find(name => !known.includes(name));
    if (tensor === undefined) continue;
    const suggestion = suggest(tensor, known);
    call.fail(messages.onnxTensorMissing({ path, side, tensor, known: listNames(known), suggestion }), {
      literal: tensor,
    });
    return false;
  }
  for (const { side, tensors } of sides) {
    const odd = tensors.find(tensor => tensor.dtype === null || tensor.dtype === "bfloat16");
    if (!odd) continue;
    const { name: tensor, dtype, instead: kind } = odd;
    const message = kind
      ? messages.onnxNoTensor({ path, side, tensor, kind })
      : messages.onnxDtypeUnsupported({
          path,
          side,
          tensor,
          dtype: dtype ?? "of an element type without a name here",
        });
    call.fail(message, { literal: path });
    return false;
  }
  return true;
}

function bind(call: Call<Author>, tensor: OnnxTensor): Tied | undefined {
  const { path } = call.params;
  const pair = PAIR.exec(tensor.name);
  const name = wantedColumn(call, tensor);
  const bound = columnOf(call, tensor);
  const type = typeOf(tensor);
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
  if (pair && bound.column.list) return bindPair(call, tensor, bound, pair[2] as "values" | "offsets");
  if (Object.hasOwn(call.params.pad ?? {}, tensor.name)) return bindPadded(call, tensor, bound);
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

/** Lists as two tensors: their items one after the other, and where each begins. */
function bindPair(call: Call<Author>, tensor: OnnxTensor, bound: Bound, side: "values" | "offsets"): Tied | undefined {
  const { name, dtype } = bound.column;
  const seen = side === "values" ? dtype : "int32";
  if (tensor.shape.length === 1 && tensor.dtype !== null && castable(seen, tensor.dtype))
    return { tensor: tensor.name, bound };
  return call.fail(
    messages.graphParameter({
      operator: "predictOnnx",
      problem: `the ${side} of \`${name}\`, ${printType(bound.column)}, are ${seen}, and tensor \`${tensor.name}\` of \`${call.params.path}\` is ${typeOf(tensor)}.`,
      way: `Export the model with \`${tensor.name}\` as ${side === "values" ? seen : "int32 or int64"} [n].`,
    }),
    { literal: call.params.path },
  );
}

/** A ragged column of numbers in a tensor of two dimensions. */
function bindPadded(call: Call<Author>, tensor: OnnxTensor, bound: Bound): Tied | undefined {
  const { column: col } = bound;
  const { value = 0 } = call.params.pad![tensor.name]!;
  const fits = tensor.shape.length === 2 && tensor.dtype !== null && castable(col.dtype, tensor.dtype);
  if (fits && isRagged(col) && isFilling(tensor.dtype as DType, value)) return { tensor: tensor.name, bound };
  return call.fail(
    messages.graphParameter({
      operator: "predictOnnx",
      problem: `\`pad\` makes a rectangle of lists filled with ${value}, but \`${col.name}\` is ${printType(col)} and tensor \`${tensor.name}\` ${typeOf(tensor)}.`,
      way: "Pad a ragged column of numbers for a tensor `[n, length]` of its dtype.",
    }),
    { literal: tensor.name },
  );
}

/** The columns of a matrix; reports a missing one, one that is no number, and widths that do not add up. */
function bindStack(call: Call<Author>, tensor: OnnxTensor, names: readonly string[]): readonly Bound[] | undefined {
  const way = "Name columns that upstream provides.";
  const found = names.map(name => need(call, call.input, name, `\`${call.params.path}\``, way, { literal: name }));
  if (found.includes(undefined)) return undefined;
  const columns = found as Bound[];
  const odd = columns.find(
    ({ column: col }) =>
      isRagged(col) ||
      tensor.dtype === null ||
      (!castable(col.dtype, tensor.dtype) && !isWidened(col.dtype, tensor.dtype)),
  );
  const widths = columns.map(({ column: col }) => col.list?.min ?? 1);
  const width = widths.reduce((a, b) => a + b, 0);
  if (!odd && isFilledBy(tensor, widths)) return columns;
  return call.fail(
    messages.graphParameter({
      operator: "predictOnnx",
      problem: odd
        ? `\`stack\` puts \`${odd.column.name}\`, ${printType(odd.column)}, into tensor \`${tensor.name}\`, which is ${typeOf(tensor)}.`
        : `\`stack\` makes a matrix ${width} wide for tensor \`${tensor.name}\`, which is ${typeOf(tensor)}.`,
      way: "Stack the columns that the model was trained on, in their order.",
    }),
    { literal: tensor.name },
  );
}

/** Whether columns of these widths make its rows: any number of them where it is open, and none across two of its last dimension. */
function isFilledBy({ shape }: OnnxTensor, widths: readonly number[]): boolean {
  const width = widths.reduce((a, b) => a + b, 0);
  const dims = shape.slice(1);
  if (dims.length === 1 && typeof dims[0] !== "number") return true;
  const fixed = dims.filter(d => typeof d === "number");
  const last = fixed.at(-1);
  if (last === undefined || fixed.length < dims.length || fixed.reduce((a, b) => a * b, 1) !== width) return false;
  return dims.length === 1 || widths.every(own => own % last === 0);
}

/** Integers in a matrix of floats: every number of a stacked matrix has one dtype. */
const isWidened = (seen: string, wanted: string): boolean => /^u?int/.test(seen) && /^float(32|64)$/.test(wanted);

function checkConstant(call: Call<Author>, tensor: OnnxTensor): boolean {
  const value = call.params.constants![tensor.name]!;
  if (tensor.dtype !== null && isOf(tensor.dtype as DType, value) && tensor.shape.slice(1).every(d => d === 1))
    return true;
  call.fail(
    messages.graphParameter({
      operator: "predictOnnx",
      problem: `the constant ${JSON.stringify(value)} does not fit tensor \`${tensor.name}\`, which is ${typeOf(tensor)}.`,
      way: "Give a constant to a tensor of one value, or of one value a row, in its dtype.",
    }),
    { literal: tensor.name },
  );
  return false;
}

/** Whether a constant of the program is a value of that dtype. */
function isOf(dtype: DType, value: number | string | boolean): boolean {
  const { kind, bytes } = datatype(dtype);
  if (kind === "string" || kind === "bool") return typeof value === (kind === "string" ? "string" : "boolean");
  if (typeof value !== "number" || kind === "float") return typeof value === "number";
  const limit = 2 ** (bytes * 8 - (kind === "int" ? 1 : 0));
  return Number.isInteger(value) && value < limit && value >= (kind === "int" ? -limit : 0);
}

/** Lists are filled with numbers: 0 and 1 where they hold bools. */
const isFilling = (dtype: DType, value: number): boolean =>
  dtype === "bool" ? value === 0 || value === 1 : isOf(dtype, value);

const typeOf = (tensor: OnnxTensor): string =>
  `${tensor.dtype ?? "unknown"} [${tensor.shape.map(d => d ?? "?").join(", ")}]`;

/** Null for a scalar per row, d for `[n, d]`, undefined for what a column cannot be. −1 stands for any width. */
export function vectorWidth({ shape }: Pick<OnnxTensor, "shape">): number | null | undefined {
  if (shape.length === 1) return null;
  if (shape.length !== 2) return undefined;
  const [, d] = shape;
  return typeof d === "number" ? (d === 1 ? null : d) : -1;
}

function output(
  call: Call<Author>,
  tensor: OnnxTensor,
  similarity: Similarity | undefined,
): { tensor: string; column: ColumnSchema } | undefined {
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
    column: column(name, tensor.dtype as DType, {
      ...(width !== null && { list: { min: width, max: width } }),
      ...(width !== null && similarity && { properties: { [SIMILARITY]: similarity } }),
    }),
  };
}
