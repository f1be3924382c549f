/**
 * Makes `faiss-node` loadable: its own prebuilt binary where that can be had, else its one C++ file compiled against Debian's FAISS.
 * Beside it our own binding for searches (runtime/stores/vectors/native), where a compiler and FAISS are there.
 * `ensureFaiss(log)` → what had to be done; a second call finds the binary and does nothing. Uses Node's own modules only.
 * `MERLON_FAISS=compile` skips the prebuilt binary.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NATIVE = join(ROOT, "runtime", "stores", "vectors", "native");
const INSTALL = "apt-get install -y g++ libfaiss-dev libopenblas-dev";

let downloadedFor = 0;
/** Milliseconds that downloads of this process took. */
export const downloadTime = () => downloadedFor;

function timeDownload(work) {
  const started = performance.now();
  try {
    return work();
  } finally {
    downloadedFor += performance.now() - started;
  }
}

/**
 * @param {(line: string) => void} [log] where progress goes; one line a call
 * @returns {"present" | "prebuilt" | "compiled"} what had to be done
 * @throws {Error} that says what to install
 */
export function ensureFaiss(log = console.log) {
  const done = ensureFaissNode(log);
  const searched = ensureSearch(log);
  return done === "present" && searched ? "compiled" : done;
}

function ensureFaissNode(log) {
  const folder = packageFolder("faiss-node");
  // Its own install script fetches a binary, and npm leaves out an optional package whose script fails.
  if (!folder)
    throw new Error(
      "The npm package `faiss-node` is not installed. Run `npm install --ignore-scripts`, then this again: it makes what that package's own script would have.",
    );
  const first = loads(folder);
  if (first.ok) return "present";
  if (prebuilt(folder, log)) return "prebuilt";
  compile(folder, log);
  const second = loads(folder);
  if (!second.ok)
    throw new Error(`faiss-node was compiled and does not load: ${second.reason}. Run \`${INSTALL}\`, then try again.`);
  log("faiss-node: compiled and loaded.");
  return "compiled";
}

/** Tried in a process of its own: a binary that aborts, or that was loaded before it was replaced, must not stay in this one. */
function loads(folder) {
  const probe = `const { Index } = require(${JSON.stringify(folder)}); const i = Index.fromFactory(2, "Flat", 0); i.add([1, 2]); if (i.search([1, 1], 1).labels[0] !== 0) throw new Error("wrong answer");`;
  return run(probe);
}

function run(script) {
  const { status, signal, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 30_000 });
  const reason = (stderr || "")
    .split("\n")
    .find(line => /Error|cannot|undefined symbol/.test(line))
    ?.trim();
  return { ok: status === 0, reason: reason ?? `exit ${status ?? signal}` };
}

/** The binary that the package's authors publish; not on npm itself, so it may be out of reach. */
function prebuilt(folder, log) {
  if (process.env.MERLON_FAISS === "compile") return false;
  let tool;
  try {
    tool = createRequire(join(folder, "package.json")).resolve("prebuild-install/bin.js");
  } catch {
    return false;
  }
  log("faiss-node: looking for its prebuilt binary (at most 20 s) …");
  const run = timeDownload(() =>
    spawnSync(process.execPath, [tool, "--runtime", "napi"], { cwd: folder, stdio: "ignore", timeout: 20_000 }),
  );
  if (run.status === 0 && loads(folder).ok) {
    log("faiss-node: prebuilt binary installed.");
    return true;
  }
  log("faiss-node: no usable prebuilt binary; compiling its binding.");
  // A downloaded binary that does not run here would shadow the one compiled next.
  rmSync(join(folder, "build"), { recursive: true, force: true });
  return false;
}

function compile(folder, log) {
  if (missing().length > 0) timeDownload(() => install(missing(), log));
  if (missing().length > 0)
    throw new Error(
      `faiss-node can not be compiled: ${missing().join(", ")} missing. As root, run \`${INSTALL}\`, then try again.`,
    );
  log("faiss-node: compiling src/faiss.cc with g++ (a few seconds) …");
  const error = build(
    join(folder, "src", "faiss.cc"),
    join(folder, "build", "Release", "faiss-node.node"),
    "faiss_node",
    [],
  );
  if (error) throw new Error(`g++ could not compile faiss-node: ${error}\nRun \`${INSTALL}\`, then try again.`);
}

/** The sources of the binding. */
const SOURCES = ["search.cc", "opened.h", "filtered.h", "flat-scan.h", "ivf-scan.h", "dots.h"];

/** Additional flags for `runtime/stores/vectors/native/search.cc`: neither it nor its FAISS shares symbols with faiss-node's. */
const OWN_FLAGS = [
  "-fvisibility=hidden",
  "-fno-gnu-unique",
  "-fopenmp",
  // A thread of Node that is ended while a search is under way takes no answer: no reason to end the process.
  "-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
  "-Wl,--exclude-libs,ALL",
  `-Wl,--version-script=${join(NATIVE, "exports.map")}`,
];

/**
 * The binding that searches without faiss-node's thread. Never a reason to stop: without it searches are slower and answers the same.
 * @returns {boolean} whether it was compiled now
 */
function ensureSearch(log) {
  const target = join(ROOT, "build", "Release", "merlon-faiss.node");
  try {
    return compileSearch(target, log);
  } catch (error) {
    log(`FAISS search: ${error.message}`);
    log("FAISS search: searches go through a thread, which is slower; answers are the same.");
    return false;
  }
}

function compileSearch(target, log) {
  const source = join(NATIVE, "search.cc");
  const stamp = `${target}.stamp`;
  const key = createHash("sha256")
    .update(
      [...SOURCES.map(name => readFileSync(join(NATIVE, name), "utf8")), ...OWN_FLAGS.slice(0, -1), process.arch].join(
        "\0",
      ),
    )
    .digest("hex");
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === key) return false;
  // One of an older source must not be loaded.
  rmSync(target, { force: true });
  const lacks = missing();
  if (lacks.length > 0) throw new Error(`${lacks.join(", ")} missing; as root, run \`${INSTALL}\`, then this again.`);
  log("FAISS search: compiling search.cc with g++ (a few seconds) …");
  const error = build(source, target, "merlon_faiss", OWN_FLAGS);
  if (error) throw new Error(`g++ could not compile it: ${error}`);
  const probe = run(`require(${JSON.stringify(target)}).searchSync.name`);
  if (!probe.ok) {
    rmSync(target, { force: true });
    throw new Error(`the compiled binding does not load: ${probe.reason}`);
  }
  // Not into a file that another checkout may share.
  rmSync(stamp, { force: true });
  writeFileSync(stamp, key);
  return true;
}

const missing = () =>
  [!has("g++") && "g++", !header("faiss/Index.h") && "libfaiss-dev", !blas() && "libopenblas-dev"].filter(Boolean);

/** Compiles one C++ file against FAISS. @returns {string | undefined} the compiler's first lines where it fails */
function build(source, target, name, flags) {
  const headers = ["node-addon-api", "node-api-headers/include"].map(path => {
    const [name = "", ...rest] = path.split("/");
    const root = packageFolder(name);
    if (!root) throw new Error(`The npm package \`${name}\` is not installed. Run \`npm install\` first.`);
    return join(root, ...rest);
  });
  const partial = `${target}.${process.pid}`;
  mkdirSync(dirname(target), { recursive: true });
  const args = [
    "-O3",
    "-shared",
    "-fPIC",
    "-std=c++17",
    "-DNAPI_VERSION=6",
    "-DNAPI_CPP_EXCEPTIONS",
    // A FAISS exception becomes a JavaScript one; without it the process would end.
    "-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL",
    `-DNODE_GYP_MODULE_NAME=${name}`,
    ...flags,
    ...headers.map(path => `-I${path}`),
    source,
    "-o",
    partial,
    ...["-lfaiss", "-lopenblas", "-lgomp"],
  ];
  const { status, stderr } = spawnSync("g++", args, { encoding: "utf8" });
  if (status === 0) renameSync(partial, target);
  else rmSync(partial, { force: true });
  return status === 0 ? undefined : (stderr || "g++ did not run").trim().split("\n").slice(0, 5).join("\n");
}

function install(packages, log) {
  if (process.getuid?.() !== 0 || !has("apt-get")) return;
  log(`faiss-node: installing ${packages.join(", ")} with apt-get …`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) =>
    spawnSync("apt-get", ["-qq", ...args], { stdio: "ignore", env, timeout: 600_000 }).status === 0;
  if (!apt("install", "-y", "--no-install-recommends", ...packages)) {
    apt("update");
    apt("install", "-y", "--no-install-recommends", ...packages);
  }
}

function packageFolder(name) {
  for (const base of require.resolve.paths(name) ?? [])
    if (existsSync(join(base, name, "package.json"))) return join(base, name);
  return null;
}

const has = tool => spawnSync(tool, ["--version"], { stdio: "ignore" }).status === 0;
const compiles = (args, source) =>
  spawnSync("g++", ["-x", "c++", ...args, "-"], { input: source, stdio: ["pipe", "ignore", "ignore"] }).status === 0;
const header = path => compiles(["-std=c++17", "-fsyntax-only"], `#include <${path}>\n`);
const blas = () => compiles(["-shared", "-fPIC", "-o", "/dev/null", "-lopenblas"], "\n");

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  try {
    if (ensureFaiss() === "present") console.log("faiss-node loads: nothing to do.");
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
