/**
 * The folder of the workers' sockets, whose paths the system limits.
 */
import { existsSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import { unavailable } from "../../base/errors.js";

/** The system's limit for the path of a Unix socket, without its final zero. */
const LONGEST_PATH = 107;
export const socketPath = (folder: string, worker: number): string => join(folder, `${worker}.sock`);

/** Bytes of the name of a folder of sockets, with a process id of ten digits. */
const FOLDER_NAME = 56;
/** A folder that every Unix has, with a short path. */
const SHORT_PARENT = "/tmp";

/** Node's permission model throws for a path that the process may not read: the caller then reports its flag. */
function mayBeThere(folder: string): boolean {
  try {
    return existsSync(folder);
  } catch {
    return true;
  }
}

/** The temporary folder, or one with a shorter path if sockets in it would have too long ones. */
export function parentOfSockets(temporary = tmpdir()): string {
  const longest = socketPath(join(temporary, "x".repeat(FOLDER_NAME)), 9999);
  return Buffer.byteLength(longest) > LONGEST_PATH && mayBeThere(SHORT_PARENT) ? SHORT_PARENT : temporary;
}

/** Folders that most systems have, also those whose disk is read-only. */
const OTHER_PARENTS = [SHORT_PARENT, "/dev/shm"];
export const parentsOfSockets = (): readonly string[] => [...new Set([parentOfSockets(), ...OTHER_PARENTS])];

/**
 * A folder in the first of these that this user can write to.
 * @param warn receives a sentence if it is not the first
 * @throws RuntimeFault naming the first
 */
export function makeSocketFolder(warn: (text: string) => void, parents = parentsOfSockets()): TemporaryFolder {
  const faults: string[] = [];
  for (const parent of parents)
    try {
      const folder = new TemporaryFolder("workers", parent);
      if (faults.length > 0) warn(`the folder of the workers' sockets is in '${parent}': ${faults[0]}`);
      return folder;
    } catch (error) {
      faults.push((error as Error).message);
    }
  throw unavailable(`the workers need a folder for their sockets: ${faults[0]}`);
}

/** @throws Error for a folder that is missing or that others can enter, and a path that is too long */
export async function requirePrivate(folder: string): Promise<void> {
  const path = socketPath(folder, 9999);
  if (Buffer.byteLength(path) > LONGEST_PATH)
    throw new Error(
      `the folder of the workers' sockets, ${folder}, has a path of ${Buffer.byteLength(folder)} bytes; the system takes ${LONGEST_PATH} with the file name. Set TMPDIR to a shorter path`,
    );
  const stats = await lstat(folder).catch((error: Error) => {
    throw new Error(
      `the folder of the workers' sockets, ${folder}, is missing: ${error.message}. If a cleaner of temporary files removes it, set TMPDIR to another folder, and start the server again`,
    );
  });
  const isOwn = stats.isDirectory() && (process.getuid === undefined || stats.uid === process.getuid());
  if (!isOwn || (stats.mode & 0o077) !== 0)
    throw new Error(
      `the folder of the workers' sockets, ${folder}, can be entered by others (mode ${(stats.mode & 0o777).toString(8)}); make it this user's own with mode 700`,
    );
}
