/**
 * Two tensors of one name → whether they are the same, and how far apart they are.
 */
import { wireDatatype } from "../../../triton-protos/datatype.js";
import type { RequestTensor } from "../../server/contract.js";
import { elements } from "../../server/requests/tensor-json.js";

/** The comparison of values: every bit, a maximum difference of floats in ULPs, or a relative and an absolute tolerance. */
export type Measure =
  | { readonly kind: "bits" }
  | { readonly kind: "ulp"; readonly ulp: number }
  | { readonly kind: "tolerance"; readonly relative: number; readonly absolute: number };

export interface Difference {
  readonly name: string;
  /** A sentence: what differs first. */
  readonly text: string;
  /** Elements that differ by the measure, of how many. */
  readonly count: number;
  readonly of: number;
  readonly maxAbsolute?: number;
  readonly maxUlp?: number;
}

/** Undefined for two that are the same by the measure. */
export function compareTensors(a: RequestTensor, b: RequestTensor, measure: Measure): Difference | undefined {
  const whole = (text: string): Difference => ({ name: a.name, text, count: 1, of: 1 });
  if (a.datatype !== b.datatype) return whole(`${a.datatype} and ${b.datatype}`);
  if (a.shape.join() !== b.shape.join()) return whole(`shape [${a.shape}] and [${b.shape}]`);
  if (Buffer.from(a.data).equals(b.data)) return undefined;
  const [mine, theirs] = [elements(a.datatype, a.data), elements(b.datatype, b.data)];
  const row = wireDatatype(a.datatype)!;
  const isFloat = row.kind === "float" && row.bytes > 2;
  let [count, first, maxAbsolute, maxUlp] = [0, -1, 0, 0];
  mine.forEach((value, i) => {
    const other = theirs[i]!;
    const ulp = isFloat ? ulpsBetween(value as number, other as number, row.bytes) : 0;
    const same = isFloat ? sameFloat(value as number, other as number, ulp, measure) : value === other;
    if (isFloat && Number.isFinite(Number(value) - Number(other))) {
      maxAbsolute = Math.max(maxAbsolute, Math.abs(Number(value) - Number(other)));
      maxUlp = Math.max(maxUlp, ulp);
    }
    if (same) return;
    count++;
    if (first < 0) first = i;
  });
  if (count === 0) return undefined;
  const place = `element ${indexOf(first, a.shape)}: ${String(mine[first])} and ${String(theirs[first])}`;
  return { name: a.name, text: place, count, of: mine.length, ...(isFloat && { maxAbsolute, maxUlp }) };
}

function sameFloat(x: number, y: number, ulp: number, measure: Measure): boolean {
  if (Object.is(x, y)) return true;
  if (measure.kind === "bits") return false;
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) && Number.isNaN(y);
  if (measure.kind === "ulp") return ulp <= measure.ulp;
  return Math.abs(x - y) <= measure.absolute + measure.relative * Math.abs(y);
}

const scratch = new DataView(new ArrayBuffer(8));

/** How many representable numbers lie from one to the other; both zeros are one. */
export function ulpsBetween(x: number, y: number, bytes: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.POSITIVE_INFINITY;
  const ordered = (value: number): number | bigint => {
    if (bytes === 4) {
      scratch.setFloat32(0, value);
      const bits = scratch.getInt32(0);
      return bits < 0 ? -(bits & 0x7fffffff) : bits;
    }
    scratch.setFloat64(0, value);
    const bits = scratch.getBigInt64(0);
    return bits < 0n ? -(bits & 0x7fffffffffffffffn) : bits;
  };
  const [a, b] = [ordered(x), ordered(y)];
  return Math.abs(Number((a as number) - (b as number)));
}

/** `[1,3]` of the fourth element of a [2,3]… */
function indexOf(flat: number, shape: readonly number[]): string {
  const index: number[] = [];
  let rest = flat;
  for (const dim of shape.toReversed()) {
    index.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return `[${index}]`;
}
