/** Maximal marginal relevance as rounds of a graph: the largest balance · relevance − (1 − balance) · likeness to the nearest of those taken. */
import { int64, max, mul, scalar, sub, topK, where } from "../../compiler/onnx/elementary.js";
import type { Method } from "./onnx-method.js";

export const mmrStart: Method["start"] = () => ({});

export const mmrRound: Method["round"] = (g, { relevance, cosine, balance }, memory, gone) => {
  const n = (x: number) => scalar(g, "float64", x);
  const { nearest } = memory;
  const good = mul(g, n(balance), relevance);
  const value = nearest ? sub(g, good, mul(g, n(1 - balance), nearest)) : good;
  const best = topK(g, where(g, gone, n(Number.NEGATIVE_INFINITY), value), int64(g, 1)).at;
  const like = cosine(best);
  return { best, memory: { nearest: nearest ? max(g, nearest, like) : like } };
};
