// `npm run lab:films`: MovieLens-100k from ratings to a served recommender, shown as titles. `--prepare` stops before training, with the tables that
// `npm run lab:compare` reads.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { heading, say, step, table } from "../demo/terminal.mjs";
import { ROOT, run, setup } from "../setup.mjs";
import { ensureLab, ensureMovieLens, ensureRecBole } from "./ensure-lab.mjs";

const HOME = join(ROOT, "examples", "films");
export const WORK = join(HOME, ".work");
const MERLON = join(ROOT, "dist", "cli", "main.js");
const merlon = (...args) => void run(process.execPath, [MERLON, ...args], { cwd: WORK });
const ONE_THREAD = { ...process.env, OMP_NUM_THREADS: "1" };

/** Raw and transformed tables, with their workflows, in the work folder. */
export async function prepare(python) {
  mkdirSync(join(WORK, "transformed"), { recursive: true });
  for (const name of readdirSync(HOME)) if (name.endsWith(".ts")) cpSync(join(HOME, name), join(WORK, name));
  await step(
    "Read MovieLens-100k",
    () => void run(python, ["-m", "merlon_lab.movielens", "--out", WORK, "--window", "10"]),
  );
  for (const [name, rows] of [
    ["ratings", "ratings"],
    ["ids", "ratings"],
    ["session", "sessions"],
  ])
    await step(`Fit the ${name} workflow`, () =>
      merlon("fit", `${name}.workflow.ts`, "--data", `${rows}-train.parquet`, "--out", `etl/${name}`),
    );
  const carried = { ratings: "liked,user_key,item_key", sessions: "user_key" };
  for (const rows of ["ratings", "sessions"])
    for (const part of ["train", "valid", "test"])
      await step(`Transform ${rows}-${part}`, () => {
        const etl = rows === "ratings" ? "etl/ratings" : "etl/session";
        merlon(
          "transform",
          etl,
          "--data",
          `${rows}-${part}.parquet`,
          "--out",
          `transformed/${rows}-${part}.parquet`,
          "--keep",
          carried[rows],
        );
      });
  await step("Transform films", () =>
    merlon(
      "transform",
      "etl/ratings",
      "--data",
      "films.parquet",
      "--out",
      "transformed/films.parquet",
      "--keep",
      "item_key",
    ),
  );
}

async function trainModels(python) {
  const lab = (...args) => void run(python, ["-m", "merlon_lab", ...args], { cwd: WORK, env: ONE_THREAD });
  const data = [
    "--data",
    "transformed/ratings-train.parquet",
    "--valid",
    "transformed/ratings-valid.parquet",
    "--overwrite",
  ];
  await step("Train the towers", () => {
    lab(
      "train",
      "two_tower",
      "--schema",
      "etl/ratings",
      ...data,
      "--out",
      "runs/towers",
      "--epochs",
      "8",
      "--lr",
      "0.003",
    );
    lab("export", "runs/towers", "--out", "models/towers", "--items", "transformed/films.parquet", "--key", "item_key");
  });
  await step("Train NCF", () => {
    lab("train", "ncf", "--schema", "etl/ratings", ...data, "--out", "runs/ncf", "--epochs", "8", "--lr", "0.002");
    lab("export", "runs/ncf", "--out", "models/ncf");
  });
  await step("Index the films", () =>
    merlon(
      "index",
      "build",
      "--data",
      "models/towers/item_embeddings.parquet",
      "--id",
      "item_key",
      "--embedding",
      "item_embedding",
      "--factory",
      "Flat",
      "--metric",
      "ip",
      "--out",
      "index/films.faiss",
    ),
  );
  await step("Build the model repository", () => merlon("build", "recommend.ensemble.ts", "--out", "model-repo"));
}

/** Some viewers, their favorites, and their recommendations. */
async function ask() {
  const { serve } = await import("../../dist/runtime/server/index.js");
  const { withDuckdb } = await import("../../dist/examples/shop/parquet.js");
  const { people, titles } = await withDuckdb(async connection => {
    const rows = async sql => (await connection.runAndReadAll(sql)).getRowObjectsJson();
    const at = name => `read_parquet('${join(WORK, `${name}.parquet`)}')`;
    const people =
      await rows(`SELECT user_id::INTEGER AS user_id, any_value(age)::INTEGER AS age, any_value(gender) AS gender, any_value(occupation) AS occupation,
      list(item_id::INTEGER ORDER BY stars DESC, item_id) AS seen FROM ${at("ratings-train")} WHERE user_id IN (1, 22, 59) GROUP BY user_id ORDER BY user_id`);
    return {
      people,
      titles: new Map(
        (
          await rows(
            `SELECT item_id::INTEGER AS id, title || ' (' || release_year || ')' AS title FROM ${at("titles")}`,
          )
        ).map(row => [row.id, row.title]),
      ),
    };
  });
  const server = await serve({
    modelRepositories: [join(WORK, "model-repo")],
    http: { address: "127.0.0.1", port: 0 },
    grpc: false,
    metrics: false,
    log: { info: false },
  });
  try {
    for (const person of people) {
      const inputs = ["user_id", "age", "gender", "occupation"].map(name => {
        const text = typeof person[name] === "string";
        return { name, datatype: text ? "BYTES" : "INT64", shape: [1], data: [person[name]] };
      });
      inputs.push({ name: "seen__values", datatype: "INT64", shape: [person.seen.length], data: person.seen });
      inputs.push({ name: "seen__offsets", datatype: "INT32", shape: [2], data: [0, person.seen.length] });
      const response = await fetch(`http://127.0.0.1:${server.ports.http}/v2/models/films/infer`, {
        method: "POST",
        body: JSON.stringify({ inputs }),
      });
      const answer = await response.json();
      if (answer.error) throw new Error(answer.error);
      const shown = answer.outputs.find(({ name }) => name === "ordered_ids__values").data.map(Number);
      if (shown.length !== 10 || shown.some(id => person.seen.includes(id)))
        throw new Error(`viewer ${person.user_id} is not shown ten unseen films: ${shown}`);
      heading(`Viewer ${person.user_id}: ${person.age}, ${person.occupation}, rated ${person.seen.length} films`);
      table(
        ["liked best", "recommended, not seen"],
        shown.map((id, i) => [titles.get(person.seen[i]) ?? "", titles.get(id)]),
      );
    }
  } finally {
    await server.stop();
  }
}

export async function main() {
  await setup();
  const compares = process.argv.includes("--compare");
  const python = await (compares ? ensureRecBole() : ensureLab());
  await ensureMovieLens(python);
  await prepare(python);
  if (process.argv.includes("--prepare")) return;
  if (compares) {
    const { status } = spawnSync(
      python,
      [
        "-W",
        "ignore",
        "-m",
        "merlon_lab.rival.compare",
        "--work",
        WORK,
        "--answers",
        join(ROOT, "lab", "results", "recbole.jsonl"),
      ],
      { cwd: WORK, stdio: "inherit", env: ONE_THREAD },
    );
    process.exitCode = status ?? 1;
    return;
  }
  await trainModels(python);
  await ask();
  say(
    "\nThe repository is in examples/films/.work/model-repo: `merlon serve --model-repository examples/films/.work/model-repo`.",
  );
}

try {
  await main();
} catch (error) {
  process.stderr.write(`\nlab:films stopped: ${error.message}\n`);
  process.exitCode = 1;
}
