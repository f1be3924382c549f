/**
 * The folder of files that the processes of this user share: private, in the system's temporary folder. A file is locked by those who use it
 * (`Mapping.openShared`), so one without a lock is left over and removed. The last user of the last file removes the folder.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  statfsSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mapping } from "./mapping.js";

const FILE = /^[0-9a-f]{32}(\.part)?$/;

/** @returns undefined if the folder can't be made, or another user can enter it */
export function sharedFolder(): string | undefined {
  const own = process.geteuid?.();
  const path = join(tmpdir(), `merlon-shared-${own}`);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") return undefined;
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() && found.uid === own && (found.mode & 0o077) === 0 ? path : undefined;
}

/** Whether the file system of the folder has room for this many bytes, and as many again. */
export function hasRoom(folder: string, bytes: number): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= 2 * bytes;
  } catch {
    return false;
  }
}

/** Whether an open file is the one at a path. */
export function isAt(path: string, file: number): boolean {
  const [own, named] = [fstatSync(file), lstatSync(path, { throwIfNoEntry: false })];
  return named !== undefined && named.dev === own.dev && named.ino === own.ino;
}

/** Removes the files that no process uses, such as those of a process that was killed. */
export function sweep(folder: string, { lockFile }: Mapping): void {
  for (const name of readdirSync(folder)) if (FILE.test(name)) removeUnused(join(folder, name), lockFile);
}

function removeUnused(path: string, lockFile: Mapping["lockFile"]): void {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (lockFile(file) && isAt(path, file)) unlinkSync(path);
  } catch {
    // Another process removed it.
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
