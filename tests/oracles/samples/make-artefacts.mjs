// Makes the Feast repository and the fitted workflow that tests/samples compile against (built code needed: `npm run build`).
//   node tests/oracles/samples/make-artefacts.mjs
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";

const out = fileURLToPath(new URL("../../samples/artefacts", import.meta.url));
const merlon = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

const table = (name, event) => ({ name, path: `data/${name}.parquet`, timestampField: event });
writeFeastRepository(join(out, "features"), {
  project: "samples",
  timestamp: Date.UTC(2026, 0, 1) / 1000,
  entities: [
    { name: "user_id", joinKey: "user_id", type: "INT64", description: "" },
    { name: "item_id", joinKey: "item_id", type: "INT64", description: "" },
  ],
  services: [
    { name: "pairs", views: [{ view: "user_features", features: ["age", "city"] }, { view: "pair_features" }] },
    { name: "aliased", views: [{ view: "user_features", alias: "people" }] },
  ],
  views: [
    {
      name: "user_features",
      entities: ["user_id"],
      features: [
        { name: "age", type: "FLOAT" },
        { name: "city", type: "STRING" },
        { name: "purchased_ids", type: "INT64_LIST" },
      ],
      source: table("users", "event_timestamp"),
      rows: { user_id: [1n, 2n], age: [31, 44], city: ["Ghent", "Turin"], purchased_ids: [[10n, 11n], []] },
    },
    {
      name: "pair_features",
      entities: ["user_id", "item_id"],
      features: [{ name: "count", type: "INT64" }],
      source: table("pairs", "event_timestamp"),
      rows: { user_id: [1n], item_id: [10n], count: [3n] },
    },
    {
      name: "item_features",
      entities: ["item_id"],
      features: [{ name: "price", type: "FLOAT" }],
      source: table("items", "event_timestamp"),
      rows: {
        item_id: Array.from({ length: 40 }, (_, i) => BigInt(10 + i)),
        price: Array.from({ length: 40 }, (_, i) => i + 0.5),
      },
    },
  ],
});

// The same repository with a feature of an unknown type (`city`: 100), and a service with an invalid view.
cpSync(join(out, "features"), join(out, "features-odd"), { recursive: true });
const registry = readFileSync(join(out, "features", "data", "registry.db"));
const at = registry.indexOf("user_features");
const city = registry.indexOf(Buffer.from([0x0a, 4, ...Buffer.from("city"), 0x10, 2]), at);
registry[city + 7] = 100;
registry.write("user_spending", registry.lastIndexOf("user_features", registry.indexOf("people")));
writeFileSync(join(out, "features-odd", "data", "registry.db"), registry);

// The same repository before anything was materialized.
cpSync(join(out, "features"), join(out, "features-unfilled"), {
  recursive: true,
  filter: file => !file.endsWith("online_store.db"),
});

const folder = mkdtempSync(join(tmpdir(), "merlon-samples-"));
writeFileSync(join(folder, "users.csv"), "age,city\n31,Ghent\n44,Turin\n,Ghent\n27,Oslo\n");
writeFileSync(
  join(folder, "events.csv"),
  "user_id,item_id,city,price,label\n1,10,Ghent,2.5,1\n2,11,Turin,4,0\n1,12,Ghent,1,\n2,10,Oslo,3,1\n",
);
writeFileSync(
  join(folder, "lists.jsonl"),
  `{"city":"Ghent","age":31,"words":["a","b"],"bought":[10,11]}
{"city":"Turin","age":44,"words":["b"],"bought":[]}
{"city":null,"age":27,"words":[],"bought":[12]}
{"city":"Ghent","age":null,"words":["c","a"],"bought":[10]}
`,
);
const fitSample = (name, data) =>
  spawnSync(
    process.execPath,
    [merlon, "fit", join(out, `${name}.workflow.ts`), "--data", join(folder, data), "--out", join(out, "etl", name)],
    { stdio: "inherit" },
  ).status ?? 1;
process.exitCode =
  fitSample("user", "users.csv") || fitSample("events", "events.csv") || fitSample("lists", "lists.jsonl");
rmSync(folder, { recursive: true });

// A vector for each item of the index, and for no other.
const tables = mkdtempSync(join(tmpdir(), "merlon-tables-"));
const vectors = join(tables, "vectors.csv");
const rows = Array.from({ length: 40 }, (_, i) => `${i + 10},"[${[0, 1, 2].map(d => Math.sin(i + d).toFixed(4))}]"`);
writeFileSync(vectors, `item_id,vector\n${rows.join("\n")}\n`);
const made = spawnSync(
  process.execPath,
  [
    merlon,
    "embedding",
    "build",
    "--data",
    vectors,
    "--id",
    "item_id",
    "--embedding",
    "vector",
    "--out",
    join(out, "tables", "items.embedding"),
  ],
  { stdio: "inherit" },
);
rmSync(tables, { recursive: true });
if (made.status !== 0) process.exit(1);
