/**
 * Files that a configuration names: they lie in the model's folder, as the path is written and where its symbolic links lead.
 */
import { existsSync, realpathSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { RuntimeFault } from "../errors.js";

const leaves = (from: string, to: string): boolean => {
  const way = relative(from, to);
  return way === ".." || way.startsWith(`..${sep}`);
};

/** Whether a path lies outside the folder. A file that does not exist is judged by its path alone. */
export const isOutside = (folder: string, file: string): boolean =>
  leaves(folder, file) || (existsSync(file) && leaves(realpathSync(folder), realpathSync(file)));

/**
 * The path of a file that `field` of a configuration names below `folder`.
 * @param within where its links may lead; `folder` when it is left out
 * @throws RuntimeFault when it lies outside
 */
export function fileInside(folder: string, named: string, field: string, within = folder): string {
  const file = join(folder, named);
  if (isAbsolute(named) || leaves(folder, file) || isOutside(within, file))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `\`${field}\` is '${named}', which is outside the model's folder; name a file inside '${folder}'`,
    );
  return file;
}
