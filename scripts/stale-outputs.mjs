// Outputs of sources that were deleted or moved. The compiler leaves them in dist/, where an import of such a module still passes the type check
// here, and fails in a fresh clone.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const DECLARATION = ".d.ts";
const SUFFIXES = [DECLARATION, ".d.ts.map", ".js", ".js.map"];

/**
 * Removes the files that the compiler wrote for a source that is not there. Other folders of dist/, such as the bundle, have no folder of
 * sources and stay.
 * @param root the repository's root @returns paths of the outputs from dist/, without suffixes
 */
export function removeStaleOutputs(root) {
  const dist = join(root, "dist");
  const stale = readdirSync(dist, { recursive: true })
    .filter(path => path.endsWith(DECLARATION))
    .map(path => path.slice(0, -DECLARATION.length))
    .filter(path => existsSync(join(root, path.split("/")[0])) && !isMade(root, path));
  for (const path of stale) for (const suffix of SUFFIXES) rmSync(join(dist, path + suffix), { force: true });
  return stale;
}

const isMade = (root, path) => [".ts", DECLARATION].some(suffix => existsSync(join(root, path + suffix)));
