/**
 * Node from npm: the package of scripts/node/LINE, with its integrity from the lock file there, installed into `.cache/node/LINE`.
 * A script that imports this module runs under a supported Node: under an older one it starts itself again with Node 22 of npm.
 * Uses Node's own modules only, of Node 18 and newer.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PINS = join(ROOT, "scripts", "node");
const CACHE = join(ROOT, ".cache", "node");
const DEFAULT_LINE = "22";

const text = path => readFileSync(path, "utf8");
/** Oldest supported Node, from `engines` of package.json. */
export const NODE_FLOOR = JSON.parse(text(join(ROOT, "package.json"))).engines.node.replace(/^>=/, "");

export function isBelow(version, floor) {
  const [have, need] = [version, floor].map(words => words.split(".").map(Number));
  const at = need.findIndex((number, i) => number !== have[i]);
  return at >= 0 && !(have[at] > need[at]);
}

/** Folder of the programs `node` and `npm`, or undefined if this line is not installed as its lock file says. */
function installed(line) {
  const folder = join(CACHE, line);
  const lock = join(folder, "package-lock.json");
  if (!existsSync(lock) || text(lock) !== text(join(PINS, line, "package-lock.json"))) return undefined;
  const bin = join(folder, "node_modules", ".bin");
  return existsSync(join(bin, "node")) ? bin : undefined;
}

/** Installs beside the final folder, so that an interrupted download leaves nothing half-done there. */
function install(line) {
  const folder = join(CACHE, line);
  const staged = `${folder}.${process.pid}`;
  mkdirSync(staged, { recursive: true });
  try {
    for (const name of ["package.json", "package-lock.json"])
      writeFileSync(join(staged, name), text(join(PINS, line, name)));
    const words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    const { status, error, stdout, stderr } = spawnSync("npm", words, { cwd: staged, encoding: "utf8" });
    if (status !== 0)
      throw new Error(`\`npm ${words.join(" ")}\` of ${PINS}/${line} failed:\n${error?.message ?? stdout + stderr}`);
    const { status: runs } = spawnSync(join(staged, "node_modules", ".bin", "node"), ["-v"], { stdio: "ignore" });
    if (runs !== 0)
      throw new Error(
        `npm has no Node ${line} for ${process.platform} on ${process.arch}. Install Node ${NODE_FLOOR} or newer from https://nodejs.org/en/download, then try again.`,
      );
    rmSync(folder, { recursive: true, force: true });
    renameSync(staged, folder);
  } catch (error) {
    // Another process may have installed the same meanwhile.
    if (!installed(line)) throw error;
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

/**
 * Brings a pinned Node.
 * @param line its major version, a folder of scripts/node
 * @returns `{ node, env }`: the program, and an environment whose `node` and `npm` are of this line
 */
export function bringNode(line, say = words => process.stdout.write(`${words}\n`)) {
  if (!installed(line)) {
    say(`Installing Node ${line} and npm from npm into .cache/node/${line} (about 60 MB)`);
    install(line);
  }
  const bin = installed(line);
  const node = join(bin, "node");
  const { npm_execpath: _, ...inherited } = process.env;
  return {
    node,
    env: {
      ...inherited,
      PATH: [bin, process.env.PATH].filter(Boolean).join(delimiter),
      NODE: node,
      npm_node_execpath: node,
    },
  };
}

/** Runs a command, forwards signals to it, and resolves with its exit code. */
export function runWith({ node, env }, words) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, words, { stdio: "inherit", env });
    // A terminal sends Ctrl-C to both processes: a second one would end a server that is stopping.
    process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
    for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });
}

if (isBelow(process.versions.node, NODE_FLOOR)) {
  // The importing script waits for this module, so none of its own code runs here.
  try {
    const started = performance.now();
    const own = bringNode(DEFAULT_LINE);
    own.env.MERLON_NODE_MS = String(performance.now() - started);
    const version = spawnSync(own.node, ["-v"], { encoding: "utf8" }).stdout.trim().slice(1);
    process.stdout.write(
      `Node ${process.versions.node} is older than ${NODE_FLOOR}: running with Node ${version} from .cache/node/${DEFAULT_LINE}\n`,
    );
    process.exit(await runWith(own, [...process.execArgv, ...process.argv.slice(1)]));
  } catch (error) {
    process.stderr.write(`\n${error.message}\n`);
    process.exit(1);
  }
}
