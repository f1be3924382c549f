/** The chance that a position of a list is drawn uniformly, as in the kernel's `uniform-chance.ts`. */
import { cast, dim, max, min, mul, reduce, scalar, sub, unsqueeze } from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import type { UniformShare } from "../spec/facts.js";

/** A uniform draw beside another order. */
export interface MixedRule {
  readonly uniform: UniformShare;
  /** float64[users, places]: scores, or T · score. */
  readonly weights: Value;
  /** Whether the other order is a draw by exp(weights); else the largest weight is first. */
  readonly isDrawn: boolean;
}

/**
 * Candidates that no position above has.
 * @param grid [users, places] @param open bool[users, places]: places with candidates; absent: all @param positions int64[positions], from 0
 * @returns float64[users, positions], or [1, positions]; at most 0 behind the end of a list
 */
export function leftAt(g: GraphBuilder, grid: Value, open: Value | undefined, positions: Value): Value {
  const count = open ? reduce(g, "ReduceSum", cast(g, open, "int64"), 1, true) : unsqueeze(g, dim(g, grid, 1), 0);
  return cast(g, sub(g, count, unsqueeze(g, positions, 0)), "float64");
}

/** The chance by a draw `per: "position"`. @param left float64 @returns float64 of the same shape, at most 1 */
export function uniformShare(g: GraphBuilder, { epsilon, least }: UniformShare, left: Value): Value {
  const number = (x: number) => scalar(g, "float64", x);
  return min(g, max(g, mul(g, left, number(least)), number(epsilon)), number(1));
}
