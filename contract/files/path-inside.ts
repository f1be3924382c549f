/**
 * `PathInside`: a relative path that stays in the folder it is joined to, as far as the text can show. `resolveInside` adds the symbolic links.
 */
import { Buffer } from "node:buffer";
import { existsSync, realpathSync } from "node:fs";
import { join, posix, relative, sep } from "node:path";
import { MAX_NAME_BYTES } from "./model-name.js";

declare const brand: unique symbol;
/** Written with `/`, without `.` and `..`, and not empty. */
export type PathInside = string & { readonly [brand]: "PathInside" };

const MAX_PATH_BYTES = 4096;

/** @returns undefined for a path that is absolute, leaves its folder, is the folder itself, or that no file can have */
export function parsePathInside(text: string): PathInside | undefined {
  if (text === "" || text.length > MAX_PATH_BYTES || /[\\\0\p{Cs}]/u.test(text) || posix.isAbsolute(text))
    return undefined;
  const clean = posix.normalize(text).replace(/\/$/, "");
  if (clean === "." || clean === ".." || clean.startsWith("../")) return undefined;
  if (Buffer.byteLength(clean) > MAX_PATH_BYTES) return undefined;
  if (clean.split("/").some(part => Buffer.byteLength(part) > MAX_NAME_BYTES)) return undefined;
  return clean as PathInside;
}

/** Whether a text is a `PathInside` as it is written. */
export const isPathInside = (text: string): text is PathInside => parsePathInside(text) === text;

/** For paths that the program itself writes. @throws Error naming the text */
export function pathInside(text: string): PathInside {
  const path = parsePathInside(text);
  if (path !== undefined) return path;
  throw new Error(`'${text}' is not a path inside a folder: it must be relative, without '..', and name a file`);
}

export const joinInside = (folder: string, path: PathInside): string => join(folder, path);

const leaves = (from: string, to: string): boolean => {
  const way = relative(from, to);
  return way === ".." || way.startsWith(`..${sep}`);
};

/** Whether a file's symbolic links lead out of a folder. A file that does not exist leads nowhere. */
export const leadsOutside = (folder: string, file: string): boolean =>
  existsSync(file) && leaves(realpathSync(folder), realpathSync(file));

/** A path that leaves the folder which it must stay in. */
export class OutsideFault extends Error {
  override readonly name = "OutsideFault";
}

/**
 * The file at a path, whose symbolic links stay in the folder. A file that does not exist passes.
 * @param within folder that links may lead to; `folder` by default
 * @throws OutsideFault
 */
export function resolveInside(folder: string, path: PathInside, within = folder): string {
  const file = joinInside(folder, path);
  if (leadsOutside(within, file))
    throw new OutsideFault(`'${path}' leads outside '${within}' by a symbolic link; put a copy of the file there`);
  return file;
}
