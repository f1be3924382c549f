/** Tensors of a graph ↔ columns: which column each tensor takes and becomes, whether dtypes and shapes agree, and what is reported where they do not. */
import { didYouMean, listNames } from "../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../compiler/diagnostics/fixes.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import { type ColumnSchema, column, isRagged, printType } from "../../contract/schema.js";
import { SIMILARITY, TOWER } from "../../contract/similarity.js";
import type { OnnxSignature, OnnxTensor } from "../../formats/onnx/onnx.js";
import { type DType, datatype, isDType } from "../../triton-protos/datatype.js";
import type { Bound } from "../shared/author/bound.js";
import { namesOf, need, needType } from "../shared/author/columns.js";
import type { Call } from "../shared/author/define-op.js";
import type { Tied } from "../shared/author/same-fit.js";
import { type Author, castable, columnOf, PAIR, wantedColumn } from "./author-columns.js";

/** Reports an option that names no tensor of the graph, and a tensor of a type that no column has. */
export function namesTensors(call: Call<Author>, { inputs, outputs }: OnnxSignature): boolean {
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

/**
 * Reports a graph that takes a fixed number of rows, as exporters make by default: it refuses all others. Offsets and values of lists, and
 * constants, are not of rows.
 */
export function takesAnyRows(call: Call<Author>, { inputs }: OnnxSignature): boolean {
  const { path, constants, batchSize } = call.params;
  const fixed = inputs.find(
    ({ name, shape }) =>
      typeof shape[0] === "number" &&
      shape[0] !== batchSize &&
      !PAIR.test(name) &&
      !Object.hasOwn(constants ?? {}, name),
  );
  if (!fixed) return true;
  const count = fixed.shape[0] as number;
  const rows = count === 1 ? "1 row" : `${count} rows`;
  const cut =
    count === 1
      ? "or run it row by row: `batchSize: 1`."
      : `or cut the rows: \`batchSize: ${count}\`, if they are always a multiple of ${count}.`;
  call.refuse(
    `\`${path}\` takes exactly ${rows} at a time, since its tensor \`${fixed.name}\` is ${typeOf(fixed)}. Other requests would fail.`,
    `Export it with a first dimension that varies (torch: \`dynamic_axes\` or \`dynamic_shapes\`), ${cut}`,
    { literal: path },
  );
  return false;
}

/** How columns of other names become the tensor: one column, or several side by side if no vector upstream has its width. */
function waysToBind({ input, params: { path } }: Call<Author>, tensor: OnnxTensor): string {
  const name = JSON.stringify(tensor.name);
  const width = vectorWidth(tensor) ?? 0;
  const stacked = `its ${width} columns side by side: \`predictOnnx("${path}", { stack: { ${name}: ["first", ...] } })\``;
  const isVector = input.some(({ column: { list } }) => list && list.max === width);
  return width > 1 && !isVector ? stacked : `one: \`predictOnnx("${path}", { inputs: { ${name}: "column" } })\``;
}

/** The column that one tensor takes as it is, as one of a pair, or padded. Reports a missing one, and one of another dtype or shape. */
export function bind(call: Call<Author>, tensor: OnnxTensor): Tied | undefined {
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
        ways: waysToBind(call, tensor),
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
  return call.refuse(
    `the ${side} of \`${name}\`, ${printType(bound.column)}, are ${seen}, and tensor \`${tensor.name}\` of \`${call.params.path}\` is ${typeOf(tensor)}.`,
    `Export the model with \`${tensor.name}\` as ${side === "values" ? seen : "int32 or int64"} [n].`,
    { literal: call.params.path },
  );
}

/** A ragged column of numbers in a tensor of two dimensions. */
function bindPadded(call: Call<Author>, tensor: OnnxTensor, bound: Bound): Tied | undefined {
  const { column: col } = bound;
  const { value = 0 } = call.params.pad![tensor.name]!;
  const fits = tensor.shape.length === 2 && tensor.dtype !== null && castable(col.dtype, tensor.dtype);
  if (fits && isRagged(col) && isFilling(tensor.dtype as DType, value)) return { tensor: tensor.name, bound };
  return call.refuse(
    `\`pad\` makes a rectangle of lists filled with ${value}, but \`${col.name}\` is ${printType(col)} and tensor \`${tensor.name}\` ${typeOf(tensor)}.`,
    "Pad a ragged column of numbers for a tensor `[n, length]` of its dtype.",
    { literal: tensor.name },
  );
}

/** The columns of a matrix; reports a missing one, one that is no number, and widths that do not add up. */
export function bindStack(
  call: Call<Author>,
  tensor: OnnxTensor,
  names: readonly string[],
): readonly Bound[] | undefined {
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
  return call.refuse(
    odd
      ? `\`stack\` puts \`${odd.column.name}\`, ${printType(odd.column)}, into tensor \`${tensor.name}\`, which is ${typeOf(tensor)}.`
      : `\`stack\` makes a matrix ${width} wide for tensor \`${tensor.name}\`, which is ${typeOf(tensor)}.`,
    "Stack the columns that the model was trained on, in their order.",
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

/** Reports a constant that the tensor does not take. */
export function checkConstant(call: Call<Author>, tensor: OnnxTensor): boolean {
  const value = call.params.constants![tensor.name]!;
  if (tensor.dtype !== null && isOf(tensor.dtype as DType, value) && tensor.shape.slice(1).every(d => d === 1))
    return true;
  call.refuse(
    `the constant ${JSON.stringify(value)} does not fit tensor \`${tensor.name}\`, which is ${typeOf(tensor)}.`,
    "Give a constant to a tensor of one value, or of one value a row, in its dtype.",
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

/** Null for a scalar per row, d for `[n, d]`, undefined for a shape that a column cannot have. −1 stands for any width. */
export function vectorWidth({ shape }: Pick<OnnxTensor, "shape">): number | null | undefined {
  if (shape.length === 1) return null;
  if (shape.length !== 2) return undefined;
  const [, d] = shape;
  return typeof d === "number" ? (d === 1 ? null : d) : -1;
}

/** The column that a tensor of the answer becomes; reports one of another rank. */
export function output(
  call: Call<Author>,
  tensor: OnnxTensor,
  { similarity, indexSample }: OnnxSignature,
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
      ...(width !== null && {
        properties: {
          ...(similarity && { [SIMILARITY]: similarity }),
          ...(indexSample && { [TOWER]: call.params.path }),
        },
      }),
    }),
  };
}
