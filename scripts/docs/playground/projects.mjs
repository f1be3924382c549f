// The files of the playground's project: the golden programs with the artefacts that they name, and the inputs of the documentation's programs.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import Database from "better-sqlite3";
import { ROOT } from "../../setup.mjs";
import { SEEN } from "../programs.mjs";

const LARGEST = 200_000;
/** Files that samples name outside their folder. */
const BESIDE = ["fixtures/nvtabular/theirs.schema.json"];

/** Path in the project → base64, of each file of a folder that is small enough. */
function filesOf(folder, prefix = "") {
  const paths = readdirSync(folder, { recursive: true })
    .filter(path => statSync(join(folder, path)).isFile() && statSync(join(folder, path)).size <= LARGEST)
    .sort();
  return Object.fromEntries(
    paths.map(path => [`${prefix}${path.split(sep).join("/")}`, readFileSync(join(folder, path)).toString("base64")]),
  );
}

/** @returns `files`, and the paths of the `programs` among them */
export function samples() {
  const files = filesOf(join(ROOT, "tests/samples"));
  const isProgram = path => /\.(?:ensemble|workflow)\.ts$|\.merlon$/.test(path) && !/^artefacts\/[^/]*$/.test(path);
  const programs = Object.keys(files).filter(isProgram);
  for (const path of BESIDE) files[`../${path}`] = readFileSync(join(ROOT, "tests", path)).toString("base64");
  return { files, programs };
}

/** The tutorial's shop. Its online store has 200 rows of each view. */
function shop() {
  const folder = join(ROOT, "examples/shop");
  const store = new Database(readFileSync(join(folder, "features/data/online_store.db")));
  for (const { name } of store.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all())
    store.exec(`DELETE FROM "${name}" WHERE rowid NOT IN (SELECT rowid FROM "${name}" LIMIT 200)`);
  store.exec("VACUUM");
  const files = ["etl", "features", "index", "models"].map(name => filesOf(join(folder, name), `shop/${name}/`));
  return { ...Object.assign({}, ...files), "shop/features/data/online_store.db": store.serialize().toString("base64") };
}

/** A Feast repository with Bloom filters. */
async function seen() {
  const { writeFeastRepository } = await import("../../../dist/runtime/stores/feast/write-repository.js");
  const folder = mkdtempSync(join(tmpdir(), "merlon-seen-"));
  try {
    writeFeastRepository(folder, SEEN);
    return filesOf(folder, "seen/features/");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Folder of the project → its files; they are loaded with the first program in the folder. */
export const folders = async () => ({ shop: shop(), seen: await seen() });
