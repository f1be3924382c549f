/**
 * Trees of declarations that do not change while a process lives: TypeScript's library, `merlon`, and zod, which its declarations import. Each is
 * parsed and bound once, and its imports are resolved once, for all programs of the process.
 */
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Project as MorphProject, ScriptTarget, ts } from "ts-morph";

/** The folder that ts-morph has TypeScript's library in. It is in memory alone. */
export const LIBRARY = "/node_modules/typescript/lib";

const FOLDERS = [
  new URL("../../", import.meta.url),
  new URL(".", pathToFileURL(createRequire(import.meta.url).resolve("zod"))),
].map(url => fileURLToPath(url));

/** Whether a file is one of the declarations. Those of an author's project are not, wherever it is. */
const isKept = (path: string): boolean =>
  path.startsWith(`${LIBRARY}/`) || (/\.d\.[cm]?ts$/.test(path) && FOLDERS.some(folder => path.startsWith(folder)));

let library: ts.ModuleResolutionHost | undefined;

/** @returns the text of a file of the library; undefined for other files */
export function libraryText(path: string): string | undefined {
  if (!path.startsWith(`${LIBRARY}/`)) return undefined;
  library ??= new MorphProject({ skipAddingFilesFromTsConfig: true }).getModuleResolutionHost();
  return library.fileExists(path) ? library.readFile(path) : undefined;
}

const trees = new Map<string, ts.SourceFile>();

/** A text's tree, whose nodes know their parents. The tree of a kept file is shared. */
export function treeOf(path: string, read: (path: string) => string | undefined): ts.SourceFile | undefined {
  const known = trees.get(path);
  if (known) return known;
  const text = read(path);
  if (text === undefined) return undefined;
  const tree = ts.createSourceFile(path, text, ScriptTarget.ES2022, true);
  if (isKept(path)) trees.set(path, tree);
  return tree;
}

type Resolved = ts.ResolvedModuleWithFailedLookupLocations;

const imports = new Map<string, Map<string, Resolved>>();

/** The file that an import leads to. An import of a kept file is resolved once. @param mode of the import: CommonJS or not */
export function importOf(path: string, name: string, mode: ts.ResolutionMode, resolve: () => Resolved): Resolved {
  if (!isKept(path)) return resolve();
  const known = imports.get(path) ?? new Map<string, Resolved>();
  imports.set(path, known);
  const key = `${mode} ${name}`;
  const found = known.get(key) ?? resolve();
  known.set(key, found);
  return found;
}
