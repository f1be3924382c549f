/**
 * The benchmark's data: features of users and items in a Feast repository, fitted workflows, models and indexes, and ensembles over them. One set of
 * artefacts for everyone who is measured.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, compile } from "../../../dist/compiler/index.js";
import { writeFeastRepository } from "../../../dist/runtime/stores/feast/write-repository.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const MERLON = join(ROOT, "dist/cli/main.js");
export const USERS = 2000;
export const ITEMS = 100_000;

/** A generator of its own, so that Python is handed the same numbers as a file. */
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function makeFeatures() {
  const next = random(7);
  const below = n => Math.floor(next() * n);
  const users = { user_id: [], age: [], city: [], purchased_ids: [] };
  for (let i = 1; i <= USERS; i++) {
    users.user_id.push(BigInt(i));
    users.age.push(Math.fround(18 + 60 * next()));
    users.city.push(BigInt(below(1000)));
    users.purchased_ids.push(Array.from({ length: 20 }, () => BigInt(1 + below(ITEMS))));
  }
  const items = { item_id: [], price: [], category: [], brand: [] };
  for (let i = 1; i <= ITEMS; i++) {
    items.item_id.push(BigInt(i));
    items.price.push(Math.fround(Math.exp(3 + next())));
    items.category.push(BigInt(below(200)));
    items.brand.push(BigInt(below(2000)));
  }
  return { users, items };
}

const table = name => ({ name, path: `data/${name}.parquet`, timestampField: "event_timestamp" });

function writeFeatures(folder, { users, items }) {
  writeFeastRepository(folder, {
    project: "bench",
    timestamp: Date.UTC(2026, 0, 1) / 1000,
    entities: ["user_id", "item_id"].map(name => ({ name, joinKey: name, type: "INT64", description: "" })),
    services: [],
    views: [
      {
        name: "user_features",
        entities: ["user_id"],
        features: [
          { name: "age", type: "FLOAT" },
          { name: "city", type: "INT64" },
          { name: "purchased_ids", type: "INT64_LIST" },
        ],
        source: table("users"),
        rows: users,
      },
      {
        name: "item_features",
        entities: ["item_id"],
        features: [
          { name: "price", type: "FLOAT" },
          { name: "category", type: "INT64" },
          { name: "brand", type: "INT64" },
        ],
        source: table("items"),
        rows: items,
      },
    ],
  });
}

const WORKFLOWS = {
  user: `import { categorify, normalize, source, workflow } from "merlon";
const rows = source({ city: "int64", age: "float32" });
export default workflow("user", (rows["city"] >> categorify()) + (rows["age"] >> normalize({ outDtype: "float32" })));
`,
  ranking: `import { categorify, logOp, normalize, source, workflow } from "merlon";
const rows = source({ item_id: "int64", category: "int64", brand: "int64", city: "int64", price: "float32", age: "float32" });
const ids = rows[["item_id", "category", "brand", "city"]] >> categorify();
export default workflow("ranking", ids + (rows["price"] >> logOp()) + (rows["age"] >> normalize({ outDtype: "float32" })));
`,
};

const ensembleText = (
  name,
  index,
  topk,
) => `import { ensemble, filterCandidates, predictOnnx, queryFaiss, queryFeast, softmaxSampling, source, transformWorkflow, unrollFeatures } from "merlon";
const request = source({ user_id: "int64" });
const user = request["user_id"] >> queryFeast("features", { view: "user_features", includeId: true });
const tower = user >> transformWorkflow("etl/user") >> predictOnnx("tower.onnx");
const retrieval = tower >> queryFaiss("${index}.faiss", { topk: ${topk} });
const filtering = retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"]);
const items = filtering >> queryFeast("features", { view: "item_features", entityColumn: "filtered_ids", includeId: true });
const pairs = items >> unrollFeatures("item_id", user[["age", "city"]]);
const ranking = pairs >> transformWorkflow("etl/ranking") >> predictOnnx("ranker.onnx");
const ordering = pairs["item_id"] >> softmaxSampling(ranking["score"], { topk: 10, temperature: 20 });
export default ensemble("${name}", ordering, { maxBatchSize: 64, dynamicBatching: {}, instanceGroups: [{ count: 2 }] });
`;

/** Python that has what `make_models.py` needs. */
export const python = () => process.env.MERLON_TEST_PYTHON ?? join(ROOT, ".cache/test-venv/bin/python");

const run = (command, args) => execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });

/** Makes everything under `folder` that is not there yet; @returns paths, and rows for Python */
export async function makeShop(folder, say) {
  mkdirSync(folder, { recursive: true });
  const features = makeFeatures();
  if (!existsSync(join(folder, "ivf.faiss"))) {
    say("models and indexes");
    run(python(), [fileURLToPath(new URL("make_models.py", import.meta.url)), folder, String(ITEMS)]);
  }
  if (!existsSync(join(folder, "features"))) {
    say("features");
    writeFeatures(join(folder, "features"), features);
    writeFileSync(join(folder, "package.json"), "{}");
  }
  writeRows(folder, features);
  for (const [name, text] of Object.entries(WORKFLOWS)) {
    writeFileSync(join(folder, `${name}.workflow.ts`), text);
    if (existsSync(join(folder, "etl", name))) continue;
    say(`workflow ${name}`);
    run(process.execPath, [
      MERLON,
      ...["fit", join(folder, `${name}.workflow.ts`)],
      ...["--data", join(folder, "pairs.csv"), "--out", join(folder, "etl", name)],
    ]);
  }
  const repository = join(folder, "model-repo");
  for (const [index, topk] of [
    ["flat", 100],
    ["flat", 1000],
    ["ivf", 100],
  ]) {
    const name = `recommend_${index}_${topk}`;
    const file = join(folder, `${name}.ensemble.ts`);
    const text = ensembleText(name, index, topk);
    const built = existsSync(join(repository, name)) && readFileSync(file, "utf8") === text;
    if (built) continue;
    writeFileSync(file, text);
    say(`ensemble ${name}`);
    const compiled = await compile(file);
    if (!compiled.ok) throw new Error(compiled.diagnostics.map(d => d.message).join("\n"));
    build(compiled, repository);
  }
  return { folder, repository };
}

/** Raw rows for those who do not read Feast's store: little-endian arrays, and one CSV to fit on. */
function writeRows(folder, { users, items }) {
  const save = (name, array) => writeFileSync(join(folder, name), new Uint8Array(array.buffer));
  save("users.age.f32", Float32Array.from(users.age));
  save("users.city.i64", BigInt64Array.from(users.city));
  save("users.purchased.i64", BigInt64Array.from(users.purchased_ids.flat()));
  save("items.price.f32", Float32Array.from(items.price));
  save("items.category.i64", BigInt64Array.from(items.category));
  save("items.brand.i64", BigInt64Array.from(items.brand));
  if (existsSync(join(folder, "pairs.csv"))) return;
  const lines = items.item_id.map((id, i) => {
    const user = i % USERS;
    return `${id},${items.category[i]},${items.brand[i]},${users.city[user]},${items.price[i]},${users.age[user]}`;
  });
  writeFileSync(join(folder, "pairs.csv"), `item_id,category,brand,city,price,age\n${lines.join("\n")}\n`);
}
