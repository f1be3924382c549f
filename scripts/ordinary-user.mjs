/**
 * Runs a command without root's rights, in a private home and temporary folder: the tests of walls must hold for an ordinary user.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, parse, relative, sep } from "node:path";
import { ROOT } from "./setup.mjs";

/** Linux's overflow user and group, `nobody`: every system has the number, whether or not it has the name. */
const NOBODY = 65_534;
/** Parts of a checkout that tests never read. */
const UNREAD = new Set([".git", "categories", join("lab", "runs")]);

/** True if the account can read the checkout at `root`, load its packages, and write nothing there. */
function canRead(root, account) {
  const script = `
    const { accessSync, constants, existsSync, readFileSync } = require("node:fs");
    readFileSync("package.json");
    if (existsSync("dist")) accessSync("dist/runtime/server/index.js", constants.R_OK);
    require.resolve("vitest/package.json");
  `;
  return spawnSync(process.execPath, ["-e", script], { cwd: root, stdio: "ignore", ...account }).status === 0;
}

/** True if every folder above `path` lets other users through. */
function canReach(path) {
  const { root } = parse(path);
  for (let at = path; at !== root; at = dirname(at)) if ((statSync(at).mode & 0o001) === 0) return false;
  return true;
}

/** True if this process may start others under the account. */
const mayChangeUser = account => spawnSync("/bin/true", { stdio: "ignore", cwd: "/", ...account }).status === 0;

/** A copy of the checkout for an account that cannot reach the original, for example below a home of mode 700. */
function copyCheckout(folder, account) {
  const copy = join(folder, "checkout");
  cpSync(ROOT, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: path => !UNREAD.has(relative(ROOT, path)),
  });
  const { status, stderr } = spawnSync("chown", ["-R", `${account.uid}:${account.gid}`, copy], { encoding: "utf8" });
  if (status !== 0) throw new Error(`chown of ${copy} failed: ${stderr}`);
  return copy;
}

/** Maps a path inside the checkout to the same path inside `root`. */
const inside = (root, path) =>
  path?.startsWith(ROOT.endsWith(sep) ? ROOT : ROOT + sep) ? join(root, relative(ROOT, path)) : path;

/**
 * @returns `{ name, root, results, run, dispose }`: who runs, the checkout it reads, a folder for reports, and `run(command, args, env)` → exit code.
 *   A caller that is not root is an ordinary user already, and runs in place.
 */
export function ordinaryUser({ uid = process.getuid?.(), say = text => process.stdout.write(`${text}\n`) } = {}) {
  const base = uid === 0 && !canReach(tmpdir()) ? "/tmp" : tmpdir();
  const folder = mkdtempSync(join(base, "merlon-user-"));
  const dispose = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  try {
    let account = uid === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    let root = ROOT;
    // A Node below the checkout is copied with it.
    const isOwnNode = inside("", process.execPath) !== process.execPath;
    const canRun = () =>
      spawnSync(process.execPath, ["-e", ""], { stdio: "ignore", cwd: "/", ...account }).status === 0;
    if (uid === 0 && !(isOwnNode ? mayChangeUser(account) : canRun())) {
      say(
        `The ordinary user ${NOBODY} cannot run ${process.execPath}, or this root may not change users: tests/walls runs as root instead. Install Node where every user can run it.`,
      );
      account = {};
    }
    const isOther = account.uid !== undefined;
    const own = path => {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      if (isOther) chownSync(path, account.uid, account.gid);
      return path;
    };
    if (isOther) chmodSync(folder, 0o711);
    const [home, temporary, results] = ["home", "tmp", "results"].map(name => own(join(folder, name)));
    if (isOther && !canRead(ROOT, account)) {
      say(`The ordinary user ${NOBODY} cannot read ${ROOT}: tests/walls runs in a copy of it.`);
      root = copyCheckout(folder, account);
    }
    return {
      name: isOther ? `user ${NOBODY}` : uid === 0 ? "root" : `user ${uid}`,
      root,
      results,
      dispose,
      run: (command, args, env = {}) =>
        new Promise((resolve, reject) => {
          const child = spawn(
            inside(root, command),
            args.map(path => inside(root, path)),
            {
              cwd: root,
              stdio: "inherit",
              ...account,
              env: {
                ...process.env,
                PATH: process.env.PATH?.split(delimiter)
                  .map(path => inside(root, path))
                  .join(delimiter),
                HOME: home,
                TMPDIR: temporary,
                ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, inside(root, value)])),
              },
            },
          );
          child.on("error", reject);
          child.on("exit", (code, signal) => resolve(code ?? (signal ? 1 : 0)));
        }),
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
