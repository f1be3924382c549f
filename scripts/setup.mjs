// Everything a fresh clone needs before it can run: npm packages, the native FAISS binding, compiled TypeScript. Says what it does; what is
// done already is not done again. Uses Node's own modules only, since nothing is installed yet. Scripts that import it run under a supported Node.
import "./own-node.mjs";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const STAMPS = join(ROOT, ".cache", "setup");
/** TypeScript 7, which compiles this tree. `typescript` is version 6, whose interface the editor plugin and other tools load. */
export const TSC = join(ROOT, "node_modules/@typescript/native/bin/tsc");

/** Milliseconds of steps that download. A Node that own-node.mjs brought before this process is among them. */
let downloaded = Number(process.env.MERLON_NODE_MS ?? 0);

/**
 * One line per piece of work, with a tick and seconds when it is done.
 * @param downloads its time depends on the network, and is reported apart
 */
export async function step(title, work, { downloads = false } = {}) {
  const started = performance.now();
  process.stdout.write(`… ${title}\n`);
  const note = await work();
  if (downloads) downloaded += performance.now() - started;
  process.stdout.write(
    `✔ ${title}${note ? ` (${note})` : ""}  ${((performance.now() - started) / 1000).toFixed(1)} s\n`,
  );
}

const failure = (command, args, status, said) =>
  new Error(`\`${[command, ...args].join(" ")}\` failed${status === null ? "" : ` (exit ${status})`}:\n${said.trim()}`);

/** Runs a command; its output is shown only when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.status === 0) return result.stdout;
  const said = `${result.stdout ?? ""}${result.stderr ?? ""}${result.error ? result.error.message : ""}`;
  throw failure(command, args, result.status, said);
}

/** `run` for a command that mostly waits: others run meanwhile. */
export function runBeside(command, args) {
  const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", text => {
      said += text;
    });
  return new Promise((resolve, reject) => {
    child.on("error", error => reject(failure(command, args, null, error.message)));
    child.on("close", status => (status === 0 ? resolve(said) : reject(failure(command, args, status, said))));
  });
}

/**
 * Installs packages of PyPI. They are not compiled, which takes half of the time: Python compiles the modules that it imports.
 * @param python interpreter of the virtual environment @param packages names, or options of `pip install`
 */
export const pipInstall = (python, packages) =>
  runBeside(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", ...packages]);

/**
 * Does `work` unless the same `key` was done before.
 * @param made a path that the work writes; without it, the work is repeated
 */
export async function once(name, key, work, made = ROOT) {
  const stamp = join(STAMPS, name);
  if (existsSync(made) && existsSync(stamp) && readFileSync(stamp, "utf8") === key) return false;
  await work();
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stamp, key);
  return true;
}

export const hash = (...texts) => createHash("sha256").update(texts.join("\0")).digest("hex");

/** True if what npm says it installed is what the lock file names; an optional package may be missing, such as one for another platform. */
function packagesAreInstalled() {
  const installed = join(ROOT, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return false;
  const packagesOf = path => JSON.parse(readFileSync(path, "utf8")).packages;
  const here = packagesOf(installed);
  const { "": own, ...locked } = packagesOf(join(ROOT, "package-lock.json"));
  const named = new Set(
    Object.keys({ ...own.dependencies, ...own.devDependencies }).map(name => `node_modules/${name}`),
  );
  return Object.entries(locked).every(([path, { version, optional, devOptional, peer }]) => {
    const isOptional = !named.has(path) && (optional || devOptional || peer);
    return here[path] ? here[path].version === version : isOptional;
  });
}

/** The packages of npm: a clone's own `npm ci` counts. */
export async function ensurePackages() {
  if (packagesAreInstalled()) return;
  // Install scripts are off, whatever this npm's policy is: two packages would download what is not needed.
  await step(
    "Installing npm packages (a minute or two, about 600 MB)",
    () => run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]),
    { downloads: true },
  );
}

/** Programs of Debian packages of the same name: installed if that is allowed, otherwise named in an error. */
export function ensureDebian(
  purpose,
  packages,
  has = name => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
) {
  const missing = packages.filter(name => !has(name));
  if (missing.length === 0) return;
  const command = `apt-get install -y ${missing.join(" ")}`;
  if (process.getuid?.() !== 0 || spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status !== 0)
    throw new Error(`${purpose} needs ${missing.join(", ")}. As root, run \`${command}\`, then try again.`);
  process.stdout.write(`  ${command}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = () => run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], { env });
  try {
    install();
  } catch {
    run("apt-get", ["update", "-qq"], { env });
    install();
  }
}

/** Newest change below a folder, to know whether compiling is due. A hidden folder has what a program made of its sources. */
export function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name === "data" || entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    latest = Math.max(
      latest,
      entry.isDirectory() ? newest(path) : /\.(ts|json)$/.test(entry.name) ? statSync(path).mtimeMs : 0,
    );
  }
  return latest;
}

/** Folders of the sources of the product. */
export const SOURCES = [
  ...["triton-protos", "contract", "formats", "operators", "compiler", "runtime", "cli", "examples"],
  "tests/conformance",
];

/** Newest change of a source of the product. */
export const newestSource = () =>
  Math.max(...SOURCES.map(folder => newest(join(ROOT, folder))), statSync(join(ROOT, "tsconfig.base.json")).mtimeMs);

const COMPILED = join(STAMPS, "compiled");
/** `npm run dev` compiles without bundling: the commands take their modules then. */
const WATCHED = join(STAMPS, "watched");
const noted = stamp => (existsSync(stamp) ? Number(readFileSync(stamp, "utf8")) : 0);

/** True if `dist/` was made of these sources: here, or by `tsc -b` with the bundle after it. */
export function isCompiled(due = newestSource()) {
  if (!existsSync(join(ROOT, "dist"))) return false;
  const bundled = statSync(join(ROOT, "dist", "bundle", "program.cjs"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Math.max(bundled, noted(COMPILED)) >= due;
}

/** True if the compiler of `npm run dev` has seen the newest change, or all is compiled. */
export function isWatched() {
  const due = newestSource();
  return noted(WATCHED) >= due || isCompiled(due);
}

/** Notes that `dist/` is made of sources as they were at `due`. */
function noteCompiled(due, stamp = COMPILED) {
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stamp, String(due));
}

export const noteWatched = due => noteCompiled(due, WATCHED);

/** `dist/` from the sources, if one changed since. */
export async function compile() {
  const due = newestSource();
  if (isCompiled(due)) return;
  await step("Compiling TypeScript", async () => {
    await runBeside(process.execPath, [TSC, "-b"]);
    run(process.execPath, [join(ROOT, "scripts/bundle.mjs")]);
  });
  noteCompiled(due);
}

async function ensureNative() {
  const { ensureFaiss, downloadTime } = await import("./native-faiss.mjs");
  await ensureFaiss(line => process.stdout.write(`  ${line}\n`));
  downloaded += downloadTime();
  const { ensureAllocator } = await import("./native-allocator.mjs");
  ensureAllocator(line => process.stdout.write(`  ${line}\n`));
}

/** The built product and its native parts: TypeScript is compiled while C++ is. */
export async function ensureBuilt() {
  await Promise.all([compile(), ensureNative()]);
}

/** The feature store of `examples/shop`, and its copy in `model-repo/`, which git ignores. */
const STORE = "features/data/online_store.db";
const STORE_OF_SHOP = join(ROOT, "examples/shop", STORE);
const STORE_OF_REPOSITORY = join(ROOT, "model-repo/recommend/1/features", STORE);

/** `model-repo/` with its feature store: git has the store once, with the example that the repository is built from. */
export function ensureStore() {
  const store = readFileSync(STORE_OF_SHOP);
  if (existsSync(STORE_OF_REPOSITORY) && readFileSync(STORE_OF_REPOSITORY).equals(store)) return;
  // A test of another run never reads half of it.
  const partial = `${STORE_OF_REPOSITORY}.${process.pid}`;
  copyFileSync(STORE_OF_SHOP, partial);
  renameSync(partial, STORE_OF_REPOSITORY);
}

/** Makes a clone ready to run, and prints how much of the time was for downloads. */
export async function setup() {
  const started = performance.now() - downloaded;
  ensureStore();
  await ensurePackages();
  await ensureBuilt();
  const rest = performance.now() - started - downloaded;
  process.stdout.write(`Set-up: downloads ${seconds(downloaded)}, the rest ${seconds(rest)}\n`);
}

const seconds = milliseconds => `${(milliseconds / 1000).toFixed(1)} s`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup();
    process.stdout.write("Ready. Try `npm run demo`.\n");
  } catch (error) {
    process.stderr.write(`\nSet-up stopped: ${error.message}\n`);
    process.exitCode = 1;
  }
}
