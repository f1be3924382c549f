/**
 * The few ONNX operators that lowerings are made of, as functions: dtypes are checked where they are written.
 */
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { GraphBuilder, Value } from "./graph-builder.js";

type G = GraphBuilder;

export const int64 = (g: G, ...values: readonly (number | bigint)[]): Value =>
  g.constant("int64", [values.length], values.map(BigInt));
export const scalar = (g: G, dtype: DType, value: number | bigint | string | boolean): Value =>
  g.constant(
    dtype,
    [],
    dtype === "string" ? [value as string] : [typeof value === "boolean" ? Number(value) : (value as number)],
  );

export function cast(g: G, value: Value, to: DType): Value {
  if (value.dtype === to) return value;
  return g.op("Cast", [value], to, { attributes: { to: { int: datatype(to).onnx } } });
}

const same = (a: Value, b: Value, op: string): void => {
  if (a.dtype !== b.dtype) throw new Error(`${op} takes two of a dtype, and gets ${a.dtype} and ${b.dtype}.`);
};
const binary =
  (op: string) =>
  (g: G, a: Value, b: Value): Value => {
    same(a, b, op);
    return g.op(op, [a, b], a.dtype);
  };
export const add = binary("Add");
export const sub = binary("Sub");
export const mul = binary("Mul");
export const div = binary("Div");
export const pow = binary("Pow");
/** By choosing: in some releases of ONNX Runtime `Max` of int64 is wrong beyond 32 bits. */
export const max = (g: G, a: Value, b: Value): Value => where(g, less(g, a, b), b, a);
export const min = (g: G, a: Value, b: Value): Value => where(g, less(g, b, a), b, a);

const compare =
  (op: string) =>
  (g: G, a: Value, b: Value): Value => {
    same(a, b, op);
    return g.op(op, [a, b], "bool");
  };
export const less = compare("Less");
export const lessOrEqual = compare("LessOrEqual");
export const greater = compare("Greater");
export const greaterOrEqual = compare("GreaterOrEqual");
export const and = compare("And");
export const or = compare("Or");
export function equal(g: G, a: Value, b: Value): Value {
  if (a.dtype === "string") g.needOpset(19, "comparing texts");
  return compare("Equal")(g, a, b);
}
export const not = (g: G, a: Value): Value => g.op("Not", [a], "bool");
export const unary = (g: G, op: string, a: Value): Value => g.op(op, [a], a.dtype);
export const floor = (g: G, a: Value): Value => g.op("Floor", [a], a.dtype);
export const abs = (g: G, a: Value): Value => g.op("Abs", [a], a.dtype);
export const notANumber = (g: G, a: Value): Value => g.op("IsNaN", [a], "bool");
export const isInf = (g: G, a: Value): Value => g.op("IsInf", [a], "bool");

export function where(g: G, test: Value, yes: Value, no: Value): Value {
  same(yes, no, "Where");
  if (yes.dtype === "bool") return or(g, and(g, test, yes), and(g, not(g, test), no));
  return g.op("Where", [test, yes, no], yes.dtype);
}

export const shape = (g: G, a: Value): Value => g.op("Shape", [a], "int64");
/** One dimension, int64[1]. */
export const dim = (g: G, a: Value, axis: number): Value =>
  g.op("Shape", [a], "int64", { attributes: { start: { int: axis }, end: { int: axis + 1 } } });
export const reshape = (g: G, a: Value, to: Value): Value => g.op("Reshape", [a, to], a.dtype);
export const flat = (g: G, a: Value): Value => reshape(g, a, int64(g, -1));
export const concat = (g: G, parts: readonly Value[], axis = 0): Value =>
  parts.length === 1 ? parts[0]! : g.op("Concat", parts, parts[0]!.dtype, { attributes: { axis: { int: axis } } });
export const unsqueeze = (g: G, a: Value, ...axes: readonly number[]): Value =>
  g.op("Unsqueeze", [a, int64(g, ...axes)], a.dtype);
export const squeeze = (g: G, a: Value, ...axes: readonly number[]): Value =>
  g.op("Squeeze", [a, int64(g, ...axes)], a.dtype);
export const expand = (g: G, a: Value, to: Value): Value => g.op("Expand", [a, to], a.dtype);
/** Rows of a table. ONNX Runtime's `Gather` copies only the first text of each row, its `GatherND` all of them. */
export const gather = (g: G, a: Value, at: Value): Value =>
  a.dtype === "string"
    ? g.op("GatherND", [a, unsqueeze(g, at, -1)], a.dtype)
    : g.op("Gather", [a, at], a.dtype, { attributes: { axis: { int: 0 } } });
export const gatherElements = (g: G, a: Value, at: Value): Value =>
  g.op("GatherElements", [a, at], a.dtype, { attributes: { axis: { int: 1 } } });
export const slice = (g: G, a: Value, start: Value, end: Value, axis: number): Value =>
  g.op("Slice", [a, start, end, int64(g, axis)], a.dtype);

/**
 * A matrix whose width shape inference cannot find. Triton compares the inferred width with the configuration, and each release of ONNX
 * Runtime infers more than the last.
 */
export function hideWidth(g: G, a: Value): Value {
  const nothing = mul(g, dim(g, a, 0), int64(g, 0));
  return slice(g, a, int64(g, 0), add(g, dim(g, a, 1), nothing), 1);
}

/** 0, 1, … n − 1. @param n int64[1] or a number */
export function range(g: G, n: Value | number): Value {
  if (typeof n === "number")
    return g.constant(
      "int64",
      [n],
      BigInt64Array.from({ length: n }, (_, i) => BigInt(i)),
    );
  return g.op("Range", [scalar(g, "int64", 0n), squeeze(g, n, 0), scalar(g, "int64", 1n)], "int64");
}

export const reduce = (
  g: G,
  op: "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd",
  a: Value,
  axis: number,
  keep = false,
): Value => g.op(op, [a, int64(g, axis)], a.dtype, { attributes: { keepdims: { int: keep ? 1 : 0 } } });

/** Whether one along the axis is true. */
export const any = (g: G, flags: Value, axis: number): Value =>
  cast(g, reduce(g, "ReduceMax", cast(g, flags, "uint8"), axis), "bool");

/** The largest along the last axis, best first, equal ones in their order. */
export function topK(g: G, a: Value, k: Value, largest = true): { readonly values: Value; readonly at: Value } {
  const [values, at] = g.ops("TopK", [a, k], [a.dtype, "int64"], {
    attributes: { axis: { int: -1 }, largest: { int: largest ? 1 : 0 }, sorted: { int: 1 } },
  });
  return { values: values!, at: at! };
}

/** Integer bits, modulo 2^64. */
export const bitXor = (g: G, a: Value, b: Value): Value => {
  same(a, b, "BitwiseXor");
  return g.op("BitwiseXor", [a, b], a.dtype);
};
export const shiftRight = (g: G, a: Value, bits: number): Value =>
  g.op("BitShift", [a, g.constant("uint64", [], [BigInt(bits)])], "uint64", {
    attributes: { direction: { text: "RIGHT" } },
  });

/**
 * The value, unless a flag is true: then the request fails, and ONNX Runtime's text names the node, which is called as the reason says. Only the
 * CPU looks at the bounds of a `Gather`.
 */
export function guarded(g: G, value: Value, bad: Value, reason: string): Value {
  const flags = concat(g, [flat(g, cast(g, bad, "int64")), int64(g, 0)]);
  const texts = value.dtype === "string";
  const worst = reduce(g, "ReduceMax", flags, 0, texts);
  return g.op(texts ? "GatherND" : "Gather", [unsqueeze(g, value, 0), worst], value.dtype, {
    ...(!texts && { attributes: { axis: { int: 0 } } }),
    name: reason,
  });
}

/** `values[place of x among keys]`, or the default. Keys are distinct. Integers are int64. */
export function encode(
  g: G,
  x: Value,
  keys: readonly (number | bigint | string)[],
  values: readonly (number | bigint)[] | readonly string[],
  none: number | bigint | string,
): Value {
  const to: DType = typeof none === "string" ? "string" : "int64";
  const list = (name: string, dtype: DType, items: readonly (number | bigint | string)[]) =>
    dtype === "string"
      ? { [`${name}_strings`]: { texts: items as string[] } }
      : dtype === "int64"
        ? { [`${name}_int64s`]: { ints: items as number[] } }
        : { [`${name}_floats`]: { floats: items as number[] } };
  // A map without keys is not a map; an unused one is.
  const [k, v] = keys.length > 0 ? [keys, values] : [[x.dtype === "string" ? "\u0000" : 0], [none]];
  return g.op("LabelEncoder", [x], to, {
    domain: "ai.onnx.ml",
    attributes: {
      ...list("keys", x.dtype, k),
      ...list("values", to, v as number[]),
      ...(to === "string" ? { default_string: { text: none as string } } : { default_int64: { int: none as number } }),
    },
  });
}
