/**
 * Operators whose state is a few numbers a column: which statistics they ask for, and what they keep of them.
 */
import type { FittedOpKind, OpState } from "../../triton-protos/op-params.js";
import type { Also, Moments } from "./moments.js";

interface FromMoments<K extends FittedOpKind> {
  readonly withMoments?: true;
  readonly also?: readonly Also[];
  /** Infinite values make what is learnt meaningless. */
  readonly finite?: true;
  keep(moments: Moments): OpState[K] extends { readonly columns: Readonly<Record<string, infer C>> } ? C : never;
}

export const STATE_FROM_MOMENTS: { readonly [K in FittedOpKind]?: FromMoments<K> } = {
  normalize: { withMoments: true, finite: true, keep: ({ mean, std }) => ({ mean, std }) },
  fillMedian: { also: ["median"], keep: ({ also }) => ({ median: also.median as number | string }) },
  normalizeMinMax: {
    also: ["min", "max"],
    finite: true,
    keep: ({ also }) => ({ min: Number(also.min), max: Number(also.max) }),
  },
};
