/** Vectors → the same directions with length 1, in place, so that inner products are cosines. */

/** Vectors of length 0 stay: their cosines are 0. */
export function toUnitLength(vectors: Float32Array, dimension: number): void {
  for (let start = 0; start < vectors.length; start += dimension) {
    let sum = 0;
    for (let i = start; i < start + dimension; i++) sum += vectors[i]! ** 2;
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
    for (let i = start; i < start + dimension; i++) vectors[i] = vectors[i]! * scale;
  }
}
