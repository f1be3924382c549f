/**
 * Files that a configuration names: they lie in the model's folder, as the path is written and where its symbolic links lead.
 */
import { joinInside, leadsOutside, parsePathInside } from "../../../contract/files/path-inside.js";
import { invalid } from "../../base/errors.js";

/**
 * The file that a configuration names below a folder.
 * @param within where its links may lead; `folder` when it is left out
 * @returns undefined when it is outside; a file that does not exist is judged by its path alone
 */
export function findInside(folder: string, named: string, within = folder): string | undefined {
  const path = parsePathInside(named);
  if (path === undefined) return undefined;
  const file = joinInside(folder, path);
  return leadsOutside(within, file) ? undefined : file;
}

/**
 * The path of a file that `field` of a configuration names below `folder`.
 * @param within where its links may lead; `folder` when it is left out
 * @throws RuntimeFault if it is outside
 */
export function fileInside(folder: string, named: string, field: string, within = folder): string {
  const file = findInside(folder, named, within);
  if (file === undefined)
    throw invalid(`\`${field}\` is '${named}', which is outside the model's folder; name a file inside '${folder}'`);
  return file;
}
