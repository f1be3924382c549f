/** Lengths of vectors: brought to 1, so that inner products are cosines, and those that are too large. */

/** In place. Vectors of length 0 stay: their cosines are 0. */
export function toUnitLength(vectors: Float32Array, dimension: number): void {
  for (let start = 0; start < vectors.length; start += dimension) {
    let sum = 0;
    for (let i = start; i < start + dimension; i++) sum += vectors[i]! ** 2;
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
    for (let i = start; i < start + dimension; i++) vectors[i] = vectors[i]! * scale;
  }
}

/** @returns the first row that is longer than `longest`, or holds what is not finite; -1 where none is */
export function longRow(vectors: Float32Array, dimension: number, longest: number): number {
  for (let start = 0; start < vectors.length; start += dimension) {
    let sum = 0;
    for (let i = start; i < start + dimension; i++) sum += vectors[i]! ** 2;
    if (!(sum <= longest ** 2)) return start / dimension;
  }
  return -1;
}
