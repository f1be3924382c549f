/**
 * Replaces a folder by a finished one atomically: a reader, and a `kill -9`, find the old one or the new one and never a mixture.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { unwritable } from "../../contract/files/file-fault.js";
import { addLiveFolder, deleteLiveFolder } from "../../contract/files/live-folders.js";
import { OWNER_TAG, ownerIsGone, ownerTag } from "../../contract/files/owner-tag.js";
import { joinInside, pathInside } from "../../contract/files/path-inside.js";

const STAGING = ".merlon-staging-";
const RETIRED = ".merlon-retired-";
const LEFTOVER = new RegExp(`^(\\.merlon-(?:staging|retired)-)(.*)-(${OWNER_TAG})-[0-9a-f]{12}$`, "s");

/** Whether an entry beside a target is a staging folder for it. */
export const isStagingOf = (target: string, entry: string): boolean => {
  const [, kind, of] = LEFTOVER.exec(entry) ?? [];
  return kind === STAGING && of === basename(target);
};

/** A name that no other builder has: two containers may both be process 1. */
const unique = (kind: string, name: string): string => `${kind}${name}-${ownerTag()}-${randomBytes(6).toString("hex")}`;

/** An empty folder beside a target, to build in. */
export class StagingFolder {
  readonly path: string;
  readonly #place: Place;

  /** @throws Error naming the target where nothing can be written. First repairs what a killed run left: a retired folder whose successor never arrived is brought back, other leftovers are removed. */
  constructor(target: string) {
    this.#place = placeOf(target);
    const { parent, name } = this.#place;
    this.path = join(parent, unique(STAGING, name));
    try {
      makeFolders(parent);
      removeLeftovers(this.#place);
      // Before the folder is there, since a signal may arrive in between.
      addLiveFolder(this, () => this.dispose());
      // Not recursive: a folder that is there already would be another's.
      mkdirSync(this.path);
    } catch (error) {
      deleteLiveFolder(this);
      throw unwritable(target, error);
    }
  }

  /** Moves the folder to its target; what was there is removed. */
  replace(): void {
    replaceFolder(this.path, join(this.#place.parent, this.#place.name));
  }

  /** Removes a part of it. @param name of a file or folder directly in it */
  remove(name: string): void {
    rmSync(joinInside(this.path, pathInside(name)), { recursive: true, force: true });
  }

  /** Removes the folder, if it has not been moved. */
  dispose(): void {
    deleteLiveFolder(this);
    // Beside a step that failed others may still be writing.
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** Node's own recursion never ends where a folder that exists answers ENOENT, as /proc does. */
export function makeFolders(path: string): void {
  if (existsSync(path)) return;
  makeFolders(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process was first.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** Moves a folder to `target`; what was there is removed afterwards. Both must be on one file system. */
export function replaceFolder(from: string, target: string): void {
  const { parent, name } = placeOf(target);
  const final = join(parent, name);
  syncTree(from);
  const moved = moveToFree(from, final);
  if (!moved && exchange(from, final)) rmSync(from, { recursive: true, force: true });
  else if (!moved) {
    // No atomic exchange here: the gap between the renames is closed by the next `StagingFolder`.
    const retired = join(parent, unique(RETIRED, name));
    renameSync(final, retired);
    renameSync(from, final);
    rmSync(retired, { recursive: true, force: true });
  }
  syncFolder(parent);
}

/** @returns false where something is there, perhaps only just */
export function moveToFree(from: string, to: string): boolean {
  if (existsSync(to)) return false;
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    throw error;
  }
}

function removeLeftovers({ parent, name }: Place): void {
  for (const entry of readdirSync(parent)) {
    const [, kind, of, owner] = LEFTOVER.exec(entry) ?? [];
    if (of !== name || !ownerIsGone(owner!)) continue;
    const path = join(parent, entry);
    // A link under such a name is not ours, and neither is another user's folder.
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid)) continue;
    if (kind === RETIRED && !existsSync(join(parent, name))) renameSync(path, join(parent, name));
    else rmSync(path, { recursive: true, force: true });
  }
}

/** `renameat2(RENAME_EXCHANGE)`, which Node lacks and coreutils 9.5 has. */
export const exchange = (a: string, b: string): boolean =>
  spawnSync("mv", ["--exchange", "--no-copy", "-T", a, b], { stdio: "ignore" }).status === 0;

interface Place {
  readonly parent: string;
  readonly name: string;
}

function placeOf(target: string): Place {
  const path = linkedFolder(resolve(target));
  return { parent: dirname(path), name: basename(path) };
}

/** A link to a folder stays, and its target is replaced. */
function linkedFolder(path: string): string {
  const link = lstatSync(path, { throwIfNoEntry: false });
  if (!link?.isSymbolicLink()) return path;
  try {
    return statSync(path).isDirectory() ? realpathSync(path) : path;
  } catch {
    return path;
  }
}

export function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) syncFolder(path);
  }
  syncFolder(folder);
}

/** fsync works on folders as on files. */
export function syncFolder(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
