/**
 * Puts a finished folder in the place of another in one step, so that a reader, and a `kill -9`, meet the old one or the new one and never
 * a mixture.
 */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

const STAGING = ".merlon-staging-";
const RETIRED = ".merlon-retired-";

/**
 * Makes an empty folder beside `target` to build in, and first puts right what a killed run left: a retired folder whose successor never
 * arrived comes back, other leftovers go.
 */
export function stagingFolder(target: string): string {
  const { parent, name } = place(target);
  mkdirSync(parent, { recursive: true });
  const retired = join(parent, `${RETIRED}${name}`);
  if (existsSync(retired) && !existsSync(join(parent, name))) renameSync(retired, join(parent, name));
  for (const entry of readdirSync(parent)) {
    const owner = entry.startsWith(`${STAGING}${name}-`)
      ? Number(entry.slice(STAGING.length + name.length + 1))
      : undefined;
    if (entry === `${RETIRED}${name}` || (owner !== undefined && !isAlive(owner)))
      rmSync(join(parent, entry), { recursive: true, force: true });
  }
  const staging = join(parent, `${STAGING}${name}-${process.pid}`);
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging);
  return staging;
}

/** Moves `staging` to `target`; what was there is removed afterwards. Both must be on one file system. */
export function replaceFolder(staging: string, target: string): void {
  const { parent, name } = place(target);
  const final = join(parent, name);
  syncTree(staging);
  if (!existsSync(final)) renameSync(staging, final);
  else if (exchange(staging, final)) rmSync(staging, { recursive: true, force: true });
  else {
    // No atomic exchange here: the gap between the renames is closed by the next `stagingFolder`.
    const retired = join(parent, `${RETIRED}${name}`);
    renameSync(final, retired);
    renameSync(staging, final);
    rmSync(retired, { recursive: true, force: true });
  }
  syncFolder(parent);
}

/** `renameat2(RENAME_EXCHANGE)`, which Node lacks and coreutils 9.5 has. */
const exchange = (a: string, b: string): boolean =>
  spawnSync("mv", ["--exchange", "--no-copy", "-T", a, b], { stdio: "ignore" }).status === 0;

function place(target: string): { parent: string; name: string } {
  const path = resolve(target);
  return { parent: dirname(path), name: basename(path) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) syncFolder(path);
  }
  syncFolder(folder);
}

/** fsync works on folders as on files. */
function syncFolder(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
