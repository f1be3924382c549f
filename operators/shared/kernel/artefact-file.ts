/**
 * The files that a plan names: below the folder of the plan, also where their symbolic links lead, and of the expected kind.
 */
import { OutsideFault, type PathInside, resolveInside } from "../../../contract/files/path-inside.js";
import { requireRegular, SpecialFileError } from "../../../contract/files/read-regular.js";
import { invalid } from "../../../runtime/base/errors.js";

/** @throws RuntimeFault for a link that leaves the folder, and for a path that is not a regular file */
export function artefactFile(folder: string, path: PathInside): string {
  const file = artefactFolder(folder, path);
  try {
    requireRegular(file);
    return file;
  } catch (error) {
    throw faultOf(error, folder);
  }
}

/** The same for a folder, whose own files are its reader's to check. */
export function artefactFolder(folder: string, path: PathInside): string {
  try {
    return resolveInside(folder, path);
  } catch (error) {
    throw faultOf(error, folder);
  }
}

function faultOf(error: unknown, folder: string): unknown {
  if (!(error instanceof OutsideFault || error instanceof SpecialFileError)) return error;
  return invalid(`the plan in ${folder} names a file that is not read: ${error.message}`, {
    cause: error,
  });
}
