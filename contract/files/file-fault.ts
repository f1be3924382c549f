/** A system error about a file → a sentence that names the file. Some of Node's don't: reading a folder, or making one where nothing may be written. */
import { accessSync, constants, existsSync } from "node:fs";
import { dirname, resolve } from "node:path";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is a file, and no folder",
  EACCES: "permission is denied",
  EPERM: "it is not permitted",
  EROFS: "the file system is read-only",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "the name is too long",
};

export const reasonOf = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ""] ?? message;
};

/** @param what of the caller's: `--data`, "the model" */
export const unreadable = (what: string, path: string, error: unknown): Error =>
  new Error(`${what} ${path} can't be read: ${reasonOf(error)}`, { cause: error });

/** A folder or file that can't be made: Node says ENOENT where the folder above it may not be written. */
export function unwritable(path: string, error: unknown): Error {
  let above = dirname(resolve(path));
  while (!existsSync(above)) above = dirname(above);
  try {
    accessSync(above, constants.W_OK);
  } catch (refused) {
    return new Error(`${path} can't be written: ${reasonOf(refused)} (${above})`, { cause: error });
  }
  return new Error(`${path} can't be written: ${reasonOf(error)}`, { cause: error });
}

/** Reads a named file. @throws Error naming it */
export function readNamed<T>(what: string, path: string, read: (path: string) => T): T {
  try {
    return read(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code !== undefined && code in REASONS ? unreadable(what, path, error) : error;
  }
}

/** Writes a named file. @throws Error naming it; an error without a code of the file system is thrown as it is */
export function writeNamed<T>(path: string, write: (path: string) => T): T {
  try {
    return write(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code !== undefined && code in REASONS ? unwritable(path, error) : error;
  }
}
