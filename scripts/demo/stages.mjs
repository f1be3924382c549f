// The stages from nothing to a model repository, as commands. Each names its inputs and outputs, so that a second run skips those that are
// up to date.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const SHOP = join(ROOT, "examples", "shop");
export const WORK = join(SHOP, ".work");
export const MERLON = join(ROOT, "dist", "cli", "main.js");
const TOOL = join(ROOT, "dist", "examples", "shop", "shop.js");
const MODELS = ["query_tower.onnx", "item_tower.onnx", "dlrm.onnx"];
const PROGRAMS = ["user.workflow.ts", "item.workflow.ts", "ranking.workflow.ts", "recommend.ensemble.ts"];

const MONTHS = ["2019-Oct", "2019-Nov", "2019-Dec", "2020-Jan", "2020-Feb", "2020-Mar", "2020-Apr"].map(
  month => `data/events/${month}.csv`,
);

const fitting = (name, table) => ({
  title: `Fit the ${name} workflow`,
  command: ["merlon", "fit", `${name}.workflow.ts`, "--data", `data/tables/${table}.parquet`, "--out", `etl/${name}`],
  reads: [`${name}.workflow.ts`, `data/tables/${table}.parquet`],
  makes: [`etl/${name}`],
});
const transforming = (workflow, table, keep) => ({
  title: `Transform ${table}`,
  command: [
    "merlon",
    "transform",
    `etl/${workflow}`,
    "--data",
    `data/tables/${table}.parquet`,
    "--out",
    `data/transformed/${table}.parquet`,
    "--keep",
    keep,
  ],
  reads: [`etl/${workflow}`, `data/tables/${table}.parquet`],
  makes: [`data/transformed/${table}.parquet`],
});

/** Everything that `npm run demo` does before it serves. */
export const STAGES = [
  {
    title: "Generate seven months of events",
    command: ["shop", "generate", "--out", "data/events"],
    reads: [],
    makes: MONTHS,
  },
  {
    title: "Load the CSV files",
    command: ["shop", "load", ...MONTHS, "--out", "data/events.parquet", "--strict"],
    reads: MONTHS,
    makes: ["data/events.parquet"],
  },
  {
    title: "Derive feature tables",
    command: ["shop", "features", "data/events.parquet", "--out", "data/tables"],
    reads: ["data/events.parquet"],
    makes: ["data/tables"],
  },
  {
    title: "Fill the Feast store",
    command: ["shop", "store", "data/tables", "--out", "features"],
    reads: ["data/tables"],
    makes: ["features"],
  },
  fitting("user", "users"),
  fitting("item", "items"),
  fitting("ranking", "ranking-train"),
  transforming("item", "items", "item_key"),
  {
    title: "Embed the products",
    command: [
      "merlon",
      "predict",
      "models/item_tower.onnx",
      "--data",
      "data/transformed/items.parquet",
      "--out",
      "data/embeddings.parquet",
      "--keep",
      "item_key",
    ],
    reads: ["models/item_tower.onnx", "data/transformed/items.parquet"],
    makes: ["data/embeddings.parquet"],
  },
  {
    title: "Index the embeddings",
    command: [
      "merlon",
      "index",
      "build",
      "--data",
      "data/embeddings.parquet",
      "--id",
      "item_key",
      "--embedding",
      "item_embedding",
      "--factory",
      "IVF32,Flat",
      "--metric",
      "ip",
      "--out",
      "index/items.faiss",
    ],
    reads: ["data/embeddings.parquet"],
    makes: ["index/items.faiss"],
  },
  {
    title: "Build the model repository",
    command: ["merlon", "build", "recommend.ensemble.ts", "--out", "model-repo"],
    reads: ["recommend.ensemble.ts", "features", "etl", "index", "models"],
    makes: ["model-repo"],
  },
];

/** Additional stages for the lab: the tables that the models are trained on. */
export const LAB_STAGES = [
  ...STAGES.slice(0, 8),
  transforming("user", "users", "user_key"),
  transforming("ranking", "ranking-train", "purchase"),
  transforming("ranking", "ranking-valid", "purchase"),
];

/** Copies the programs and the trained models into the work folder; files that are equal are left alone. */
export function prepareWork() {
  for (const name of [...PROGRAMS, ...MODELS.map(model => join("models", model))]) {
    const [from, to] = [join(SHOP, name), join(WORK, name)];
    if (!existsSync(from) || (existsSync(to) && readFileSync(to).equals(readFileSync(from)))) continue;
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
  }
}

/** Runs a stage, unless the same code made the same things of the same files before. */
export async function runStage(stage, code) {
  const stamp = join(WORK, ".stamps", stage.title.replaceAll(" ", "-"));
  const key = digest([code, stage.command.join("\0"), ...stage.reads.map(path => contents(join(WORK, path)))]);
  const made = () => digest(stage.makes.map(path => contents(join(WORK, path))));
  if (
    existsSync(stamp) &&
    stage.makes.every(path => existsSync(join(WORK, path))) &&
    readFileSync(stamp, "utf8") === `${key} ${made()}`
  )
    return { skipped: true };
  const output = await run(stage.command);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, `${key} ${made()}`);
  return { note: stage.command[0] === "shop" ? output.trim() : shorten(stage.command) };
}

/** The digest of all compiled code: a change of it makes everything due. */
export const codeDigest = () => contents(join(ROOT, "dist"), name => name.endsWith(".js"));

function run([name, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [name === "shop" ? TOOL : MERLON, ...args], {
      cwd: WORK,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { out: "", all: "" };
    child.stdout.on("data", chunk => {
      said.out += chunk;
      said.all += chunk;
    });
    child.stderr.on("data", chunk => {
      said.all += chunk;
    });
    child.on("error", reject);
    child.on("close", status =>
      status === 0
        ? resolve(said.out)
        : reject(
            new Error(
              `\`${[name, ...args].join(" ")}\` in ${relative(ROOT, WORK)} ended with ${status}:\n${said.all.trim()}`,
            ),
          ),
    );
  });
}

const shorten = command => {
  const text = command.join(" ");
  return text.length > 76 ? `${text.slice(0, 75)}…` : text;
};

/** A digest of a file, or of a folder's files and their names. */
function contents(path, wanted = () => true) {
  if (!existsSync(path)) return "absent";
  if (!statSync(path).isDirectory()) return digest([readFileSync(path)]);
  const names = readdirSync(path, { recursive: true }).filter(
    name => wanted(name) && !statSync(join(path, name)).isDirectory(),
  );
  return digest(names.sort().flatMap(name => [name, readFileSync(join(path, name))]));
}

function digest(parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}
