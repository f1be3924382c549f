const NUMBER = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/** Whether a type of DuckDB's is one of numbers, or of lists of them. */
export const isNumeric = (type: string): boolean => NUMBER.test(type.replace(/\[\d*\]$/, ""));

export interface ColumnStats {
  readonly name: string;
  /** DuckDB's name; of a list, statistics are of its items. */
  readonly type: string;
  /** Null values; of lists, null items. */
  readonly nulls: number;
  /** Distinct values that are not null. */
  readonly cardinality: number;
  /** For numbers. */
  readonly mean?: number;
  readonly std?: number;
  /** At 0, 0.01, 0.25, 0.5, 0.75, 0.99 and 1; of numbers, NaN left out. */
  readonly quantiles?: readonly number[];
  readonly top: readonly { readonly value: string; readonly count: number }[];
  /** Counts in 20 bins of equal width from the least value to the largest; of numbers. */
  readonly histogram?: readonly number[];
  /** Values a list, of lists that are not null, and the number of null lists. */
  readonly lengths?: { readonly min: number; readonly mean: number; readonly max: number; readonly nulls: number };
}

/** Shares of null: of values, or of lists and of their items. */
export function nullShares(
  { nulls, lengths }: ColumnStats,
  rows: number,
): { readonly rows: number; readonly items?: number } {
  if (!lengths) return { rows: nulls / Math.max(1, rows) };
  const items = lengths.mean * (rows - lengths.nulls);
  return { rows: lengths.nulls / Math.max(1, rows), items: nulls / Math.max(1, items) };
}
