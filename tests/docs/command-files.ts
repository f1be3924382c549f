/** Files that the commands of the documentation read, beside those of the shop. */
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withDuckdb } from "#shop/parquet.js";
import { ROOT } from "../run/graph.mjs";
import { makeCertificates } from "../runtime/client/certificates.js";

/** Twenty customers, thirty products: every column that some workflow, index or filter of the pages reads. */
const EVENTS = `SELECT 512300000 + i % 20 AS user_id, 1000 + i % 30 AS item_id, 'brand ' || i % 5 AS favourite_brand,
  'c' || i % 4 AS favourite_category, (10 + i % 90)::FLOAT AS mean_price, (i % 7)::BIGINT AS event_count, 'brand ' || i % 6 AS item_brand,
  'c' || i % 3 AS item_category, (5 + i % 60)::FLOAT AS item_price, (i % 11)::BIGINT AS item_popularity, 'brand ' || i % 5 AS brand,
  (1 + i % 50)::FLOAT AS price, TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS time FROM range(400) t(i)`;
const ITEMS = `SELECT item_id, item_id AS product_id, item_brand, item_category, item_price, item_popularity FROM (${EVENTS}) LIMIT 30`;
const EMBEDDINGS = `SELECT 'sku-' || i AS sku, [i::FLOAT, (i * i % 7)::FLOAT, 1::FLOAT] AS embedding FROM range(50) t(i)`;
/** The log of a server that showed each ten of them in a response, with the ranker's columns, and the events that followed. */
const EXPOSURES = `SELECT concat('request-', n // 10) AS request_id, 0::INTEGER AS request_row, TIMESTAMP '2026-01-01' + INTERVAL (n // 10) MINUTE AS time,
  'recommend' AS model, 1::BIGINT AS version, '0123456789abcdef' AS plan, NULL::VARCHAR AS artefacts, if(n // 10 % 2 = 0, 'control', 'treatment') AS arm, 7::BIGINT AS seed,
  item_id AS item, (n % 10 + 1)::INTEGER AS position, 1 / (n % 10 + 1) AS score, 0.1::DOUBLE AS propensity, 1e-10::DOUBLE AS list_propensity,
  ['queryFaiss'] AS sources, 1::DOUBLE AS log_rate, * EXCLUDE (n, time) FROM (SELECT *, row_number() OVER () - 1 AS n FROM (${EVENTS}))`;
const CLICKS = `SELECT request_id, item, CASE WHEN position = 1 THEN 'purchase' ELSE 'click' END AS event, time + INTERVAL 30 SECOND AS time
  FROM (${EXPOSURES}) WHERE hash(request_id, item) % 4 = 0`;

/** Models that docs/reference/client.md names: a ragged column, single values in rows, a stream. */
const MOCKS: Readonly<Record<string, string>> = {
  next: `input [ { name: "user_id" data_type: TYPE_INT64 dims: [ -1 ] }, { name: "bought__values" data_type: TYPE_INT64 dims: [ -1 ] },
    { name: "bought__offsets" data_type: TYPE_INT32 dims: [ -1 ] } ] output [ { name: "ids" data_type: TYPE_INT64 dims: [ -1 ] } ]`,
  careful: `input [ { name: "popular_ids__values" data_type: TYPE_INT64 dims: [ -1 ] }, { name: "popular_ids__offsets" data_type: TYPE_INT32 dims: [ -1 ] } ]
    output [ { name: "ids" data_type: TYPE_INT64 dims: [ -1 ] } ]`,
  ranker: `max_batch_size: 128 input [ { name: "item_id" data_type: TYPE_INT64 dims: [ 1 ] }, { name: "price" data_type: TYPE_FP32 dims: [ 1 ] } ]
    output [ { name: "score" data_type: TYPE_FP32 dims: [ 1 ] } ]`,
  count: `model_transaction_policy { decoupled: true } input [ { name: "n" data_type: TYPE_INT32 dims: [ 1 ] } ]
    output [ { name: "i" data_type: TYPE_INT32 dims: [ 1 ] } ]`,
};
const REQUEST = { inputs: [{ name: "user_id", shape: [1, 1], datatype: "INT64", data: [512_300_022] }] };

export async function addCommandFiles(folder: string): Promise<void> {
  const at = (...names: string[]): string => join(folder, ...names);
  mkdirSync(at("events"));
  mkdirSync(at("exposures", "recommend"), { recursive: true });
  await withDuckdb(async connection => {
    for (const [query, file] of [
      [EVENTS, "events/2026-01.parquet"],
      [EVENTS, "events.parquet"],
      [EMBEDDINGS, "embeddings.parquet"],
      [EXPOSURES, "exposures/recommend/1.parquet"],
      [CLICKS, "clicks.parquet"],
      [ITEMS, "items.parquet"],
    ] as const)
      await connection.run(`COPY (${query}) TO '${at(file)}' (FORMAT parquet)`);
  });
  for (const [name, config] of Object.entries(MOCKS)) {
    mkdirSync(at("mocks", name, "1"), { recursive: true });
    writeFileSync(at("mocks", name, "config.pbtxt"), `name: "${name}" backend: "mock" ${config}`);
  }
  writeFileSync(at("request.json"), JSON.stringify(REQUEST));
  // Pages call the repository of a deployment `models`.
  cpSync(at("model-repo"), at("models"), { recursive: true });
  cpSync(join(ROOT, "tests", "fixtures", "nvtabular-import", "shop", "exported"), at("exported"), { recursive: true });
  makeCertificates(folder, ["server", "client"], "localhost");
  for (const name of ["ca", "clients-ca"]) copyFileSync(at("root.pem"), at(`${name}.pem`));
}
