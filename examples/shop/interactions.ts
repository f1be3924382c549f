/**
 * Makes the tables for retrieval and session models out of `events.parquet`, `users` and `items`:
 *
 * - `pairs-train`, `pairs-valid`, `pairs-items`: a customer beside a product, with the columns of both
 * - `history-train`, `history-valid`: a product, and the customer's earlier products
 * - `sessions-train`, `sessions-valid`, `sessions-items`: views, in order
 */
import { join } from "node:path";
import { SPLIT } from "./features.js";
import { quote, withDuckdb, writeParquet } from "./parquet.js";

const USER = "user_id, favourite_brand, favourite_category, mean_price, event_count";
const ITEM = "item_id, item_brand, item_category, item_price, item_popularity";

const counted = (when: string) => `
  SELECT user_id, product_id AS item_id, count(*) FILTER (event_type = 'view') AS views,
         count(*) FILTER (event_type IN ('cart', 'purchase')) AS wanted
  FROM events WHERE event_time ${when} GROUP BY ALL`;

/** A pair is repeated by the weight of its interest: a purchase weighs more than a look. */
const LEARNT = `
  SELECT ${USER}, ${ITEM} FROM (${counted(`< TIMESTAMP '${SPLIT}'`)}) JOIN users USING (user_id) JOIN items USING (item_id),
         range(round(sqrt(views + 3 * wanted))::BIGINT) ORDER BY user_id, item_id`;
/** To be found: what was put in a cart afterwards. */
const ASKED = `
  SELECT ${USER}, ${ITEM} FROM (${counted(`>= TIMESTAMP '${SPLIT}'`)}) JOIN users USING (user_id) JOIN items USING (item_id)
  WHERE wanted > 0 ORDER BY user_id, item_id`;
/** A workflow of pairs takes pairs: each product beside one and the same customer. */
const ITEMS = `SELECT ${USER}, ${ITEM}, item_key FROM items, (FROM users ORDER BY user_id LIMIT 1) ORDER BY item_id`;

/** Each product when the customer meets it first, with the last twenty met before. */
const histories = (when: string) => `
  SELECT favourite_brand, favourite_category, mean_price, event_count, history, item_id
  FROM (SELECT user_id, item_id, met, list(item_id) OVER (PARTITION BY user_id ORDER BY met, item_id ROWS BETWEEN 20 PRECEDING AND 1 PRECEDING) AS history
        FROM (SELECT user_id, product_id AS item_id, min(event_time) AS met FROM events GROUP BY ALL)) JOIN users USING (user_id)
  WHERE history IS NOT NULL AND met ${when} ORDER BY user_id, met, item_id`;

/** Products of a session in order; one that is looked at again at once counts once. */
const sessions = (when: string) => `
  SELECT list(product_id ORDER BY event_time, product_id) AS item_id,
         list(coalesce(category_code, 'none') ORDER BY event_time, product_id) AS category
  FROM (SELECT *, lag(product_id) OVER (PARTITION BY user_session ORDER BY event_time, product_id) AS before FROM events)
  WHERE before IS DISTINCT FROM product_id
  GROUP BY user_session HAVING count(*) > 1 AND min(event_time) ${when} ORDER BY min(event_time), user_session`;
const SESSION_ITEMS =
  "SELECT [item_id] AS item_id, [coalesce(item_category, 'none')] AS category, item_key FROM items ORDER BY item_key";

export async function makeInteractions(
  events: string,
  folder: string,
): Promise<{ readonly rows: Readonly<Record<string, number>> }> {
  return withDuckdb(async connection => {
    await connection.run(`CREATE VIEW events AS FROM read_parquet(${quote(events)})`);
    for (const name of ["users", "items"])
      await connection.run(`CREATE VIEW ${name} AS FROM read_parquet(${quote(join(folder, `${name}.parquet`))})`);
    const queries = {
      "pairs-train": LEARNT,
      "pairs-valid": ASKED,
      "pairs-items": ITEMS,
      "history-train": histories(`< TIMESTAMP '${SPLIT}'`),
      "history-valid": histories(`>= TIMESTAMP '${SPLIT}'`),
      "sessions-train": sessions(`< TIMESTAMP '${SPLIT}'`),
      "sessions-valid": sessions(`>= TIMESTAMP '${SPLIT}'`),
      "sessions-items": SESSION_ITEMS,
    };
    const rows: Record<string, number> = {};
    for (const [name, query] of Object.entries(queries))
      rows[name] = await writeParquet(connection, query, join(folder, `${name}.parquet`));
    return { rows };
  });
}
