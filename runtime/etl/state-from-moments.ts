/**
 * Operators whose state is a few numbers per column: the statistics they need, and the state made of them.
 */

import type { FittedOpKind, OpState } from "../../contract/op-state.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { Also, Moments } from "./moments.js";
import type { Sql } from "./sql/dialect.js";
import type { SqlColumn } from "./sql/sql-column.js";

interface FromMoments<K extends FittedOpKind> {
  readonly withMoments?: true;
  readonly also?: readonly Also[];
  /** Statistics of something else than the values. */
  readonly of?: (column: SqlColumn, sql: Sql) => SqlColumn;
  /** A column without any value teaches something too. */
  readonly empty?: true;
  /** Infinite values make the learned state meaningless. */
  readonly finite?: true;
  keep(
    moments: Moments,
    column: SqlColumn,
  ): OpState[K] extends { readonly columns: Readonly<Record<string, infer C>> } ? C : never;
}

export const STATE_FROM_MOMENTS: { readonly [K in FittedOpKind]?: FromMoments<K> } = {
  normalize: { withMoments: true, finite: true, keep: ({ mean, std }) => ({ mean, std }) },
  median: { also: ["median"], keep: ({ also }) => ({ median: also.median as number | string }) },
  reduceDtypeSize: {
    also: ["min", "max"],
    empty: true,
    keep: ({ also }, { dtype }) => ({ dtype: narrowest(dtype, also.min, also.max) }),
  },
  valueCount: {
    also: ["min", "max"],
    of: ({ sql: list }, sql) => ({ sql: sql.length(list), dtype: "int64" }),
    keep: ({ also }) => ({ min: Number(also.min), max: Number(also.max) }),
  },
  fillMedian: { also: ["median"], keep: ({ also }) => ({ median: also.median as number | string }) },
  normalizeMinMax: {
    also: ["min", "max"],
    finite: true,
    keep: ({ also }) => ({ min: Number(also.min), max: Number(also.max) }),
  },
};

const SIGNED = ["int8", "int16", "int32", "int64"] as const satisfies readonly DType[];

/** The first signed type that holds both; other types stay. */
function narrowest(dtype: DType, min: unknown, max: unknown): DType {
  if (datatype(dtype).kind !== "int" || min === null || max === null) return dtype;
  const [low, high] = [BigInt(min as number), BigInt(max as number)];
  return SIGNED.find(type => {
    const bits = BigInt(8 * datatype(type).bytes - 1);
    return low >= -(1n << bits) && high < 1n << bits;
  })!;
}
