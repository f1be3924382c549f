/** Lengths of vectors: brought to 1, so that inner products are cosines, and those that are too large. */
import { invalid } from "../../base/errors.js";

/** In place. @returns the rows of length 0, which stay: they have no cosine */
export function toUnitLength(vectors: Float32Array, dimension: number): readonly number[] {
  const zeros: number[] = [];
  for (let start = 0; start < vectors.length; start += dimension) {
    let sum = 0;
    for (let i = start; i < start + dimension; i++) sum += vectors[i]! ** 2;
    if (sum === 0) zeros.push(start / dimension);
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
    for (let i = start; i < start + dimension; i++) vectors[i] = vectors[i]! * scale;
  }
  return zeros;
}

/** Brings vectors of an index to length 1. @param idOf the id of a row, for the message @throws RuntimeFault naming the first of length 0 */
export function toUnitItems(vectors: Float32Array, dimension: number, idOf: (row: number) => unknown): void {
  const [zero] = toUnitLength(vectors, dimension);
  if (zero !== undefined) throw invalid(noCosine(idOf(zero)));
}

const noCosine = (id: unknown): string =>
  `the vector of id ${typeof id === "string" ? JSON.stringify(id.slice(0, 80)) : String(id)} has length 0, which has no cosine. Leave that item out.`;

/** @returns the first row that is longer than `longest`, or holds what is not finite; -1 where none is */
export function longRow(vectors: Float32Array, dimension: number, longest: number): number {
  for (let start = 0; start < vectors.length; start += dimension) {
    let sum = 0;
    for (let i = start; i < start + dimension; i++) sum += vectors[i]! ** 2;
    if (!(sum <= longest ** 2)) return start / dimension;
  }
  return -1;
}
