/**
 * Values of one dtype → equal values of another: between integers if they fit, integers and bools to floats, floats to floats. A value that
 * does not fit is a fault naming its place.
 */
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { fromHalves, toHalves } from "../../../triton-protos/float16.js";
import { invalid, type RuntimeFault } from "../errors.js";
import { float32s, float64s, int32s, int64s } from "./short-arrays.js";
import { allocate, type Values } from "./table.js";
import { words } from "./words.js";

/** True where `castValues` has a way for at least some values. */
export function canCast(from: DType, to: DType): boolean {
  if (from === to) return true;
  const [source, target] = [datatype(from), datatype(to)];
  if (source.kind === "string" || target.kind === "string" || target.kind === "bool") return false;
  if (from === "bfloat16" || to === "bfloat16") return false;
  if (to === "float16") return source.kind === "float";
  return source.kind !== "float" || target.kind === "float";
}

/**
 * @param what names the column in messages
 * @throws RuntimeFault for a pair without a way, or an integer beyond the target's range
 */
export function castValues(values: Values, from: DType, to: DType, what: string): Values {
  if (from === to) return values;
  if (!canCast(from, to)) throw invalid(`${what} is ${from}, expected ${to}.`);
  if (values instanceof BigInt64Array && to === "int32") return narrow(values, what);
  if (values instanceof BigInt64Array && (to === "float32" || to === "float64")) return rounded(values, to);
  if (to === "int64" && !(values instanceof BigUint64Array)) return widen(values as Int32Array);
  if (to === "float16") return toHalves(values as Float32Array);
  if (from === "float16") return castValues(fromHalves(values as Uint16Array), "float32", to, what);
  const made = allocate(to, values.length) as { [i: number]: unknown };
  const wide = made instanceof BigInt64Array || made instanceof BigUint64Array;
  const integer = datatype(to).kind !== "float";
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number | bigint;
    made[i] = wide ? BigInt(value) : Number(value);
    // Typed arrays wrap silently, so the stored value is compared.
    if (integer && BigInt(made[i] as number | bigint) !== BigInt(value)) throw tooLarge(what, value, to, i);
  }
  return made as unknown as Values;
}

function narrow(values: BigInt64Array, what: string): Int32Array {
  const pairs = words(values);
  const made = int32s(values.length);
  for (let i = 0; i < made.length; i++) {
    const low = pairs[2 * i]!;
    if (pairs[2 * i + 1] !== low >> 31) throw tooLarge(what, values[i]!, "int32", i);
    made[i] = low;
  }
  return made;
}

/** Each the nearest float64, as of a BigInt, and then the nearest of its dtype. */
function rounded(values: BigInt64Array, to: "float32" | "float64"): Float32Array | Float64Array {
  const pairs = words(values);
  const made = to === "float32" ? float32s(values.length) : float64s(values.length);
  for (let i = 0; i < made.length; i++) made[i] = pairs[2 * i + 1]! * 2 ** 32 + (pairs[2 * i]! >>> 0);
  return made;
}

/** Integers of at most 32 bits, signed or not, and bools. */
function widen(values: Int32Array): BigInt64Array {
  const made = int64s(values.length);
  const pairs = words(made);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    pairs[2 * i] = value;
    pairs[2 * i + 1] = value < 0 ? -1 : 0;
  }
  return made;
}

const tooLarge = (what: string, value: number | bigint, to: DType, i: number): RuntimeFault =>
  invalid(`${what} holds ${value} at place ${i}, which ${to} can not hold.`);
