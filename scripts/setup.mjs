// Everything a fresh clone needs before it can run: npm packages, the native FAISS binding, compiled TypeScript. Says what it does; what is
// done already is not done again. Uses Node's own modules only, since nothing is installed yet.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const STAMPS = join(ROOT, ".cache", "setup");

/** One line per piece of work, with a tick and seconds when it is done. */
export async function step(title, work) {
  const started = performance.now();
  process.stdout.write(`… ${title}\n`);
  const note = await work();
  process.stdout.write(
    `✔ ${title}${note ? ` (${note})` : ""}  ${((performance.now() - started) / 1000).toFixed(1)} s\n`,
  );
}

/** Runs a command; its output is shown only when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.status === 0) return result.stdout;
  const said = `${result.stdout ?? ""}${result.stderr ?? ""}${result.error ? result.error.message : ""}`.trim();
  throw new Error(
    `\`${[command, ...args].join(" ")}\` failed${result.status === null ? "" : ` (exit ${result.status})`}:\n${said}`,
  );
}

/** Does `work` unless the same `key` was done before. */
export async function once(name, key, work) {
  const stamp = join(STAMPS, name);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === key) return false;
  await work();
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stamp, key);
  return true;
}

export const hash = (...texts) => createHash("sha256").update(texts.join("\0")).digest("hex");

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new Error(`Merlon needs Node 20.19 or newer; this is ${process.versions.node}.`);
}

async function installPackages() {
  const key = hash(readFileSync(join(ROOT, "package-lock.json"), "utf8"), process.version);
  if (
    existsSync(join(ROOT, "node_modules")) &&
    existsSync(join(STAMPS, "packages")) &&
    readFileSync(join(STAMPS, "packages"), "utf8") === key
  )
    return;
  await step("Installing npm packages (a minute or two, about 600 MB)", async () => {
    // Install scripts are off, whatever this npm's policy is: two packages would download what is not needed. One is built on purpose.
    run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    ensureDebian("better-sqlite3", ["g++", "make", "python3"]);
    run("npm", ["rebuild", "better-sqlite3"]);
    await once("packages", key, () => {});
  });
}

/** Programs of Debian packages of the same name: installed where that is allowed, asked for where it is not. */
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

/** Newest change below a folder, to know whether compiling is due. */
function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name === "data") continue;
    const path = join(folder, entry.name);
    latest = Math.max(
      latest,
      entry.isDirectory() ? newest(path) : /\.(ts|json)$/.test(entry.name) ? statSync(path).mtimeMs : 0,
    );
  }
  return latest;
}

async function compile() {
  const stamp = join(STAMPS, "compiled");
  const due = Math.max(
    ...["triton-protos", "contract", "formats", "operators", "compiler", "runtime", "cli", "examples"].map(folder =>
      newest(join(ROOT, folder)),
    ),
    statSync(join(ROOT, "tsconfig.base.json")).mtimeMs,
  );
  if (existsSync(stamp) && existsSync(join(ROOT, "dist")) && Number(readFileSync(stamp, "utf8")) >= due) return;
  await step("Compiling TypeScript", () => {
    run(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-b"]);
    run(process.execPath, [join(ROOT, "scripts/bundle.mjs")]);
  });
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stamp, String(due));
}

/** Makes a clone ready to run. */
export async function setup() {
  checkNode();
  await installPackages();
  const { ensureFaiss } = await import("./native-faiss.mjs");
  await ensureFaiss(line => process.stdout.write(`  ${line}\n`));
  const { ensureAllocator } = await import("./native-allocator.mjs");
  ensureAllocator(line => process.stdout.write(`  ${line}\n`));
  await compile();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup();
    process.stdout.write("Ready. Try `npm run demo`.\n");
  } catch (error) {
    process.stderr.write(`\nSet-up stopped: ${error.message}\n`);
    process.exitCode = 1;
  }
}
