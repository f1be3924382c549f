/**
 * Tensors between members with and without a batch dimension: shape → the shape the receiver expects.
 */

/** Whether `shape` fits dims; -1 is "any" in both. */
export const fits = (dims: readonly number[], shape: readonly number[]): boolean =>
  dims.length === shape.length && dims.every((dim, i) => dim === -1 || shape[i] === -1 || dim === shape[i]);

/**
 * @param dims of the receiver, without the batch dimension
 * @param batching whether the receiver has a batch dimension
 * @param batched whether the sender has one
 */
export function adaptShape(
  shape: readonly number[],
  batched: boolean,
  dims: readonly number[],
  batching: boolean,
): readonly number[] {
  if (batching === batched) return shape;
  // To a batching receiver: what is a whole row becomes a batch of one; else the tensor has its batch dimension already.
  if (batching) return fits(dims, shape) ? [1, ...shape] : shape;
  return !fits(dims, shape) && shape[0] === 1 ? shape.slice(1) : shape;
}
