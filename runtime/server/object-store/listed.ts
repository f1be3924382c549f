/**
 * The objects below a prefix → the files of a repository. Keys are texts of strangers: each must be a path inside the folder, as it is written.
 */
import { isPathInside } from "../../../contract/files/path-inside.js";
import { invalid } from "../../base/errors.js";

/** An object of a listing. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** Differs for each content. */
  readonly etag: string;
}

export interface ListedFile extends ListedObject {
  /** From the repository, with `/`. */
  readonly path: string;
}

export const MOST_OBJECTS = 100_000;
/** Folders below each other. */
const DEEPEST = 32;

/**
 * @param prefix with its `/`, or `""` @param where for messages: `s3://bucket`
 * @throws RuntimeFault naming the key
 */
export function filesOf(objects: readonly ListedObject[], prefix: string, where: string): readonly ListedFile[] {
  const files: ListedFile[] = [];
  const folders = new Set<string>();
  for (const one of objects) {
    const path = one.key.slice(prefix.length);
    // Consoles mark a folder by an empty object.
    if (path === "" || (path.endsWith("/") && one.bytes === 0)) continue;
    const parts = path.split("/");
    if (!one.key.startsWith(prefix) || !isPathInside(path) || /\p{Cc}/u.test(path) || parts.length > DEEPEST)
      throw invalid(
        `${where}: the key ${shown(one.key)} is not a path of a repository; remove the object, or move it outside the prefix`,
      );
    if (!Number.isSafeInteger(one.bytes) || one.bytes < 0)
      throw invalid(`${where}: the key ${shown(one.key)} has no size in the listing`);
    for (let i = 1; i < parts.length; i++) folders.add(parts.slice(0, i).join("/"));
    files.push({ ...one, path });
  }
  const both = files.find(({ path }) => folders.has(path));
  if (both)
    throw invalid(
      `${where}: ${shown(both.key)} is an object, and a folder of other objects; a disk cannot hold both, so rename one`,
    );
  return files;
}

const LONGEST_SHOWN = 120;
/** A key as text of one line. */
export const shown = (key: string): string =>
  JSON.stringify(key.length > LONGEST_SHOWN ? `${key.slice(0, LONGEST_SHOWN)}…` : key);
