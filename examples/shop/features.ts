/**
 * Makes the shop's feature tables: `events.parquet` → `users`, `items`, `ranking-train`, `ranking-valid`, `retrieval-train` and
 * `retrieval-valid`, each one Parquet file. Features see the training months only.
 */
import { join } from "node:path";
import { quote, withDuckdb, writeParquet } from "./parquet.js";

/** October to March train, April validates, as in the tutorial. */
export const SPLIT = "2020-04-01";

/** The actions of each customer in the training months. The `*_key` columns carry the raw id past the workflow that encodes it. */
const USERS = `
  SELECT user_id, user_id AS user_key, any_value(brand.value) AS favourite_brand, any_value(category.value) AS favourite_category,
         (avg(price) FILTER (event_type IN ('cart', 'purchase')))::FLOAT AS mean_price,
         count(*)::BIGINT AS event_count,
         coalesce(list(DISTINCT product_id ORDER BY product_id) FILTER (event_type = 'purchase'), [])::BIGINT[] AS purchased_ids
  FROM past LEFT JOIN (${favourite("brand")}) brand USING (user_id) LEFT JOIN (${favourite("category_code")}) category USING (user_id)
  GROUP BY user_id ORDER BY user_id`;

const ITEMS = `
  SELECT product_id AS item_id, product_id AS item_key,
         max(brand) AS item_brand,
         max(category_code) AS item_category,
         arg_max(price, (event_time, price))::FLOAT AS item_price,
         count(*)::BIGINT AS item_popularity
  FROM past GROUP BY product_id ORDER BY product_id`;

/** A sample is a product in a session's cart: bought, or put in the cart and not bought in that session. Repeats count once. */
const SAMPLES = `
  SELECT user_session, user_id, product_id AS item_id, min(event_time) AS time, bool_or(event_type = 'purchase')::TINYINT AS purchase
  FROM events WHERE event_type IN ('cart', 'purchase') GROUP BY user_session, user_id, product_id`;

const ranking = (when: string) => `
  SELECT user_id, favourite_brand, favourite_category, mean_price, coalesce(event_count, 0) AS event_count,
         item_id, item_brand, item_category, item_price, item_popularity, purchase
  FROM (${SAMPLES}) LEFT JOIN users USING (user_id) JOIN items USING (item_id)
  WHERE time ${when} ORDER BY time, user_id, item_id`;

/** Pairs for the towers: how often a customer viewed, carted and bought an item. */
const retrieval = (when: string) => `
  SELECT user_id AS user_key, product_id AS item_key,
         count(*) FILTER (event_type = 'view')::BIGINT AS views,
         count(*) FILTER (event_type = 'cart')::BIGINT AS carts,
         count(*) FILTER (event_type = 'purchase')::BIGINT AS purchases
  FROM events WHERE event_time ${when} AND product_id IN (SELECT item_id FROM items)
  GROUP BY ALL ORDER BY ALL`;

export interface FeatureTables {
  /** Table name → number of rows. */
  readonly rows: Readonly<Record<string, number>>;
}

export async function makeFeatures(events: string, folder: string): Promise<FeatureTables> {
  return withDuckdb(async connection => {
    await connection.run(`CREATE VIEW events AS FROM read_parquet(${quote(events)})`);
    await connection.run(`CREATE VIEW past AS FROM events WHERE event_time < TIMESTAMP '${SPLIT}'`);
    await connection.run(`CREATE TABLE users AS ${USERS}`);
    await connection.run(`CREATE TABLE items AS ${ITEMS}`);
    const queries = {
      users: "FROM users",
      items: "FROM items",
      "ranking-train": ranking(`< TIMESTAMP '${SPLIT}'`),
      "ranking-valid": ranking(`>= TIMESTAMP '${SPLIT}'`),
      "retrieval-train": retrieval(`< TIMESTAMP '${SPLIT}'`),
      "retrieval-valid": retrieval(`>= TIMESTAMP '${SPLIT}'`),
    };
    const rows: Record<string, number> = {};
    for (const [name, query] of Object.entries(queries))
      rows[name] = await writeParquet(connection, query, join(folder, `${name}.parquet`));
    return { rows };
  });
}

/** The value each customer met most often; of equally frequent ones the first in the alphabet, so that the answer is one. */
function favourite(column: string): string {
  return `SELECT user_id, ${column} AS value FROM past WHERE ${column} IS NOT NULL GROUP BY user_id, ${column}
          QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY count(*) DESC, ${column}) = 1`;
}
