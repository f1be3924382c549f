/**
 * The interface of methods to diversify: a start, and a round that takes one candidate of each user.
 */
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";

/** One user's candidates a row. */
export interface Pool {
  /** float64[users, places] in 0 … 1 */
  readonly relevance: Value;
  /** Likeness to one candidate of each user. @param best int64[users, 1] @returns float64[users, places] */
  cosine(best: Value): Value;
  readonly balance: number;
}

/** The state of a method between rounds, by name. */
export type Memory = Readonly<Record<string, Value>>;

export interface Method {
  start(g: GraphBuilder, pool: Pool): Memory;
  /** @param gone bool[users, places]: taken, or not there @returns int64[users, 1] */
  round(g: GraphBuilder, pool: Pool, memory: Memory, gone: Value): { readonly best: Value; readonly memory: Memory };
}
