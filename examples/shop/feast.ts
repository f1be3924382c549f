/**
 * Puts the feature tables into a Feast repository: `users.parquet`, `items.parquet` → `features/` with a SQLite online store.
 */
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { FeastColumn } from "../../runtime/stores/feast/describe.js";
import { writeFeastRepository } from "../../runtime/stores/feast/write-repository.js";
import { quote, withDuckdb } from "./parquet.js";

/** The end of the training months: features are what was known then. */
const KNOWN_AT = Date.UTC(2020, 3, 1) / 1000;

export async function writeFeatureStore(
  tables: string,
  folder: string,
): Promise<{ readonly users: number; readonly items: number }> {
  const [users, items] = await withDuckdb(async connection => [
    await readColumns(connection, join(tables, "users.parquet"), [
      "user_id",
      "favourite_brand",
      "favourite_category",
      "mean_price",
      "event_count",
      "purchased_ids",
    ]),
    await readColumns(connection, join(tables, "items.parquet"), [
      "item_id",
      "item_brand AS brand",
      "item_category AS category",
      "item_price AS price",
      "item_popularity AS popularity",
    ]),
  ]);
  writeFeastRepository(folder, {
    project: "shop",
    timestamp: KNOWN_AT,
    entities: [
      { name: "user_id", joinKey: "user_id", type: "INT64", description: "A customer" },
      { name: "item_id", joinKey: "item_id", type: "INT64", description: "A product" },
    ],
    views: [
      {
        name: "user_features",
        entities: ["user_id"],
        features: [
          { name: "favourite_brand", type: "STRING" },
          { name: "favourite_category", type: "STRING" },
          { name: "mean_price", type: "FLOAT" },
          { name: "event_count", type: "INT64" },
          { name: "purchased_ids", type: "INT64_LIST" },
        ],
        source: { name: "users", path: "data/tables/users.parquet", timestampField: "event_timestamp" },
        rows: users!,
      },
      {
        name: "item_features",
        entities: ["item_id"],
        features: [
          { name: "brand", type: "STRING" },
          { name: "category", type: "STRING" },
          { name: "price", type: "FLOAT" },
          { name: "popularity", type: "INT64" },
        ],
        source: { name: "items", path: "data/tables/items.parquet", timestampField: "event_timestamp" },
        rows: items!,
      },
    ],
  });
  return { users: users!.user_id!.length, items: items!.item_id!.length };
}

type Columns = Readonly<Record<string, FeastColumn & { readonly length: number }>>;

async function readColumns(connection: DuckDBConnection, file: string, columns: readonly string[]): Promise<Columns> {
  const reader = await connection.runAndReadAll(`SELECT ${columns.join(", ")} FROM read_parquet(${quote(file)})`);
  return reader.getColumnsObjectJS() as unknown as Columns;
}
