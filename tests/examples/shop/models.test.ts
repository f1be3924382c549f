/**
 * The checked-in models against popularity, on April's events, which neither they nor the features have seen. Nothing is trained here: the
 * events are generated, the workflows are the checked-in ones, and the models run as they are served.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { predictOnnx } from "#runtime/etl/predict.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { makeFeatures } from "#shop/features.js";
import { generate } from "#shop/generate.js";
import { loadEvents } from "#shop/load.js";
import { quote, withDuckdb } from "#shop/parquet.js";

const shop = fileURLToPath(new URL("../../../examples/shop/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-models-"));
const at = (name: string) => join(folder, `${name}.parquet`);
const sql = (name: string) => `read_parquet(${quote(at(name))})`;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Transforms a table with a checked-in workflow and runs a checked-in model on it. */
async function predict(table: string, workflow: string, model: string, keep: string[]): Promise<void> {
  await transformWorkflow(join(shop, "etl", workflow), at(table), at(`${table}-features`), { keep });
  await predictOnnx(join(shop, "models", `${model}.onnx`), at(`${table}-features`), at(`${table}-${model}`), { keep });
}

beforeAll(async () => {
  const { files } = generate({ folder: join(folder, "events") });
  await loadEvents({ files, out: at("events"), strict: true });
  await makeFeatures(at("events"), folder);
});

describe("ranker", () => {
  it("orders April's carts by purchase better than popularity does", async () => {
    await transformWorkflow(join(shop, "etl", "ranking"), at("ranking-valid"), at("pairs"), { keep: ["purchase"] });
    await predictOnnx(join(shop, "models", "dlrm.onnx"), at("pairs"), at("scored"), {
      keep: ["purchase", "item_popularity"],
    });
    const rows = await withDuckdb(async c =>
      (
        await c.runAndReadAll(`SELECT purchase, "purchase/binary_output", item_popularity FROM ${sql("scored")}`)
      ).getRows(),
    );
    const labels = rows.map(row => row[0] === 1);
    const [dlrm, popularity] = [1, 2].map(i =>
      auc(
        rows.map(row => Number(row[i])),
        labels,
      ),
    );
    expect(rows.length).toBeGreaterThan(1500);
    // Popularity predicts less in either direction.
    expect(dlrm).toBeGreaterThan(Math.max(popularity!, 1 - popularity!) + 0.1);
    expect(dlrm).toBeGreaterThan(0.7);
  });
});

describe("towers", () => {
  it("find what customers put in April's carts better than popularity does", async () => {
    await predict("users", "user", "query_tower", ["user_key"]);
    await predict("items", "item", "item_tower", ["item_key"]);
    const recall = await withDuckdb(async connection => {
      const tables = {
        past: "retrieval-train",
        april: "retrieval-valid",
        queries: "users-query_tower",
        vectors: "items-item_tower",
        items: "items",
      };
      for (const [view, name] of Object.entries(tables))
        await connection.run(`CREATE VIEW ${view} AS FROM ${sql(name)}`);
      await connection.run(`
        CREATE TABLE bought AS SELECT user_key, item_key FROM past WHERE purchases > 0;
        CREATE TABLE wanted AS SELECT user_key, item_key FROM april ANTI JOIN bought USING (user_key, item_key) WHERE carts + purchases > 0;
        CREATE TABLE pairs AS
          SELECT user_key, item_key, list_inner_product(query_embedding, item_embedding) AS towers, item_popularity AS popularity
          FROM queries SEMI JOIN wanted USING (user_key) CROSS JOIN (FROM vectors JOIN items USING (item_key))
          ANTI JOIN bought USING (user_key, item_key)`);
      const at100 = async (score: string) => {
        const best = `SELECT * FROM pairs QUALIFY row_number() OVER (PARTITION BY user_key ORDER BY ${score} DESC, item_key) <= 100`;
        const found = await connection.runAndReadAll(`
          SELECT avg(found) FROM (
            SELECT user_key, avg((best.item_key IS NOT NULL)::INT) AS found
            FROM wanted SEMI JOIN queries USING (user_key) LEFT JOIN (${best}) best USING (user_key, item_key) GROUP BY user_key)`);
        return Number(found.getRows()[0]![0]);
      };
      return { towers: await at100("towers"), popularity: await at100("popularity") };
    });
    expect(recall.popularity).toBeGreaterThan(0.2);
    expect(recall.towers).toBeGreaterThan(1.5 * recall.popularity);
  });
});

/** Area under the ROC curve: how often a positive scores above a negative, ties half. */
function auc(scores: readonly number[], labels: readonly boolean[]): number {
  const positives = scores.filter((_, i) => labels[i]);
  const negatives = scores.filter((_, i) => !labels[i]);
  let above = 0;
  for (const p of positives) for (const n of negatives) above += p > n ? 1 : p === n ? 0.5 : 0;
  return above / (positives.length * negatives.length);
}
