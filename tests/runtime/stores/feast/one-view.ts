/** A Feast repository with one view `v` of an entity `id`: a number `n` and a text `s` for each. */
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";

export interface OneViewRows {
  /** Whole numbers, or texts. */
  readonly id: readonly bigint[] | readonly string[];
  readonly n: readonly bigint[];
  readonly s: readonly string[];
}

export const ONE_VIEW_FEATURES = [
  { name: "n", type: "INT64" },
  { name: "s", type: "STRING" },
] as const;

/** Rows with these many entities, and texts that make the store large: 200 bytes each. */
export function manyRows(count: number) {
  const id = Array.from({ length: count }, (_, i) => BigInt(i));
  return { id, n: id, s: id.map(i => `${i} ${"x".repeat(200)}`) };
}

/** @param type of the join key `id` */
export const writeOneView = (folder: string, { id, n, s }: OneViewRows, type: "INT64" | "STRING" = "INT64"): void =>
  writeFeastRepository(folder, {
    project: "p",
    timestamp: 1_700_000_000,
    entities: [{ name: "id", joinKey: "id", type }],
    views: [
      {
        name: "v",
        entities: ["id"],
        source: { name: "s", path: "s.parquet", timestampField: "ts" },
        features: ONE_VIEW_FEATURES,
        rows: { id, n, s },
      },
    ],
  });
