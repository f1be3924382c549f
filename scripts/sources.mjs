// Recall at 100 of each source of candidates of examples/sources, and of all merged: `npm run sources`. Needs the shop's events (`npm run demo`).
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, compile } from "../dist/compiler/index.js";
import { SPLIT } from "../dist/examples/shop/features.js";
import { quote, withDuckdb } from "../dist/examples/shop/parquet.js";
import { buildCandidates } from "../dist/runtime/etl/candidates.js";
import { serve } from "../dist/runtime/server/index.js";

const ROOT = join(import.meta.dirname, "..");
const SHOP = join(ROOT, "examples/shop");
const events = join(SHOP, ".work/data/events.parquet");
if (!existsSync(events)) throw new Error(`${events} is missing. Run \`npm run demo\` first.`);
const AT = 100;
const SOURCES = ["near", "own", "similar", "popular", "trending"];

const folder = mkdtempSync(join(tmpdir(), "merlon-sources-"));
try {
  const program = join(folder, "sources");
  mkdirSync(join(program, "tables"), { recursive: true });
  cpSync(join(ROOT, "examples/sources/sources.ensemble.ts"), join(program, "sources.ensemble.ts"));
  for (const name of ["features", "etl", "index", "models"])
    cpSync(join(SHOP, name), join(folder, "shop", name), { recursive: true });
  const users = await readUsers(join(folder, "past.parquet"));
  await makeTables(join(folder, "past.parquet"), join(program, "tables"));
  const compiled = await compile(join(program, "sources.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join("\n"));
  build(compiled, join(folder, "repository"), { layout: "executor" });
  printRecall(users, await retrieve(users));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Customers of April: their last products before it, and those that they put in the cart in it. */
async function readUsers(past) {
  return withDuckdb(async connection => {
    await connection.run(`CREATE VIEW events AS FROM read_parquet(${quote(events)})`);
    await connection.run(
      `COPY (SELECT e.*, u.favourite_category FROM events e JOIN read_parquet(${quote(join(SHOP, ".work/data/tables/users.parquet"))}) u USING (user_id)
       WHERE event_time < TIMESTAMP '${SPLIT}') TO ${quote(past)} (FORMAT parquet)`,
    );
    const result = await connection.runAndReadAll(`
      WITH met AS (SELECT user_id, product_id, max(event_time) AS t FROM events WHERE event_time < TIMESTAMP '${SPLIT}' GROUP BY ALL),
      lists AS (SELECT user_id, list(product_id ORDER BY t DESC, product_id)[1:20] AS recent FROM met GROUP BY user_id),
      later AS (SELECT user_id, list(DISTINCT product_id) AS wanted FROM events
        WHERE event_time >= TIMESTAMP '${SPLIT}' AND event_type IN ('cart', 'purchase') GROUP BY user_id)
      SELECT user_id, recent, wanted FROM later JOIN lists USING (user_id) ORDER BY user_id`);
    return result.getRowsJson().map(([id, recent, wanted]) => ({
      id: Number(id),
      recent: recent.map(Number).reverse(),
      wanted: new Set(wanted.map(Number)),
    }));
  });
}

async function makeTables(past, tables) {
  const shared = { item: "product_id", time: "event_time", topk: AT };
  const to = name => join(tables, `${name}.candidates`);
  const day = 86_400;
  await buildCandidates([past], to("similar"), {
    ...{ ...shared, kind: "cooccurrence", group: "user_id", measure: "cosine", halfLife: 60 * day, minSupport: 3 },
  });
  await buildCandidates([past], to("popular"), {
    ...{ ...shared, kind: "popular", by: "favourite_category", halfLife: 30 * day, minSupport: 2 },
  });
  await buildCandidates([past], to("trending"), {
    ...{ ...shared, kind: "trending", window: 14 * day, baseline: 56 * day, smoothing: 10, minSupport: 3 },
  });
}

/** For each customer the merged products, and each source's ranks of them. */
async function retrieve(users) {
  const server = await serve({
    modelRepositories: [join(folder, "repository")],
    http: { port: 0, address: "127.0.0.1" },
    ...{ grpc: false, metrics: false, writeLog: () => {} },
  });
  try {
    const found = [];
    for (let from = 0; from < users.length; from += 64) {
      const some = users.slice(from, from + 64);
      const offsets = [0];
      for (const { recent } of some) offsets.push(offsets.at(-1) + recent.length);
      const response = await fetch(`http://127.0.0.1:${server.ports.http}/v2/models/sources/infer`, {
        method: "POST",
        body: JSON.stringify({
          inputs: [
            { name: "user_id", datatype: "INT64", shape: [some.length], data: some.map(({ id }) => id) },
            {
              name: "recent_ids__values",
              datatype: "INT64",
              shape: [offsets.at(-1)],
              data: some.flatMap(u => u.recent),
            },
            { name: "recent_ids__offsets", datatype: "INT32", shape: [offsets.length], data: offsets },
          ],
        }),
      });
      const answer = await response.json();
      if (answer.error) throw new Error(answer.error);
      const data = name => answer.outputs.find(output => output.name === name).data;
      const ends = data("candidate_ids__offsets");
      some.forEach((_, i) => {
        const cut = name => data(`${name}__values`).slice(ends[i], ends[i + 1]);
        found.push({ ids: cut("candidate_ids"), ranks: SOURCES.map(name => cut(`${name}_rank`)) });
      });
    }
    return found;
  } finally {
    await server.stop();
  }
}

function printRecall(users, found) {
  const all = users.reduce((sum, { wanted }) => sum + wanted.size, 0);
  const hits = of =>
    users.reduce((sum, { wanted }, i) => sum + of(found[i]).filter(id => wanted.has(id)).length, 0) / all;
  const rows = SOURCES.map((name, s) => [
    name,
    hits(({ ids, ranks }) => ids.filter((_, i) => ranks[s][i] > 0 && ranks[s][i] <= AT)),
  ]);
  rows.push(["merged", hits(({ ids }) => ids.slice(0, AT))]);
  process.stdout.write(`${users.length} customers, ${all} products\nsource      recall@${AT}\n`);
  for (const [name, recall] of rows) process.stdout.write(`${name.padEnd(12)}${recall.toFixed(3)}\n`);
  const best = Math.max(...rows.slice(0, -1).map(([, recall]) => recall));
  process.stdout.write(`merged beats the best source by ${(rows.at(-1)[1] - best).toFixed(3)}\n`);
}
