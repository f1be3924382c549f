/**
 * The factors of a matrix factorization of the `implicit` library (`model.save("als.npz")`): one vector per user and per item, whose inner
 * product is the score.
 */
import { type NpyArray, readNpz } from "../npz/npz.js";

export interface ImplicitFactors {
  readonly users: number;
  readonly items: number;
  /** Numbers per vector; BPR has one more than its `factors`, for the bias. */
  readonly dimension: number;
  readonly userFactors: Float32Array;
  readonly itemFactors: Float32Array;
}

/** @throws Error naming the file and the array */
export function readImplicitFactors(path: string): ImplicitFactors {
  const { user_factors, item_factors } = readNpz(path, ["user_factors", "item_factors"]);
  const [users, items] = [user_factors, item_factors].map((array, i) => {
    const name = ["user_factors", "item_factors"][i];
    if (array.shape.length !== 2 || array.values.length === 0)
      throw new Error(`${path}: \`${name}\` has the shape (${array.shape.join(", ")}); expected a matrix with rows`);
    return array.shape[0]!;
  }) as [number, number];
  const dimension = user_factors.shape[1]!;
  if (item_factors.shape[1] !== dimension)
    throw new Error(`${path}: users have ${dimension} factors and items ${item_factors.shape[1]}`);
  return { users, items, dimension, userFactors: floats(user_factors), itemFactors: floats(item_factors) };
}

const floats = ({ values }: NpyArray): Float32Array =>
  values instanceof Float32Array ? values : Float32Array.from(values as Float64Array, Number);
