/**
 * Loops over numbers. The common operators have a loop each, so that the engine compiles them to machine arithmetic; the others call
 * the table's function row by row. NaN is missing and passes through by itself.
 */
import { type FunctionName, functionRow } from "../../../contract/expression-functions.js";
import type { FlagVector, NumberVector, Vector } from "./vector-kinds.js";

type Numbers = Float64Array;
type Loop<Out> = (a: Numbers, b: Numbers, out: Out) => void;

const ARITHMETIC: Partial<Record<FunctionName, Loop<Float64Array>>> = {
  add: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! + b[i]!;
  },
  subtract: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! - b[i]!;
  },
  multiply: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! * b[i]!;
  },
  divide: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! / b[i]!;
  },
  coalesce: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(a[i]) ? b[i]! : a[i]!;
  },
};

const COMPARISON: Partial<Record<FunctionName, Loop<Uint8Array>>> = {
  less: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! < b[i]! ? 1 : 0;
  },
  lessOrEqual: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! <= b[i]! ? 1 : 0;
  },
  greater: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! > b[i]! ? 1 : 0;
  },
  greaterOrEqual: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! >= b[i]! ? 1 : 0;
  },
  equal: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! === b[i]! || (Number.isNaN(a[i]) && Number.isNaN(b[i])) ? 1 : 0;
  },
  notEqual: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! === b[i]! || (Number.isNaN(a[i]) && Number.isNaN(b[i])) ? 0 : 1;
  },
};

/** The call over numbers alone; undefined where it is not one. */
export function numberLoop(name: FunctionName): ((args: readonly NumberVector[], rows: number) => Vector) | undefined {
  const arithmetic = ARITHMETIC[name];
  if (arithmetic)
    return ([a, b], rows) => {
      const values = new Float64Array(rows);
      arithmetic(a!.values, b!.values, values);
      return { type: "number", values } satisfies NumberVector;
    };
  const comparison = COMPARISON[name];
  if (comparison)
    return ([a, b], rows) => {
      const values = new Uint8Array(rows);
      comparison(a!.values, b!.values, values);
      return { type: "flag", values } satisfies FlagVector;
    };
  const { args, result, apply } = functionRow(name);
  if (result !== "number" || args.some(arg => arg !== "number")) return undefined;
  const call = apply as unknown as (...n: number[]) => number;
  return (vectors, rows) => {
    const values = new Float64Array(rows);
    const [a, b] = vectors.map(v => v.values);
    if (vectors.length === 1) for (let i = 0; i < rows; i++) values[i] = call(a![i]!);
    else if (vectors.length === 2) for (let i = 0; i < rows; i++) values[i] = call(a![i]!, b![i]!);
    else for (let i = 0; i < rows; i++) values[i] = call(...vectors.map(v => v.values[i]!));
    return { type: "number", values };
  };
}
