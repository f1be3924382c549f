/**
 * The file system of one program: texts that were written, before files of the disk.
 */

import { readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Project as MorphProject, ScriptTarget, ts } from "ts-morph";

/** @param written texts by path, and their trees */
export function programHost(written: ReadonlyMap<string, ts.SourceFile>): ts.CompilerHost {
  const folders = new Set([...written.keys()].map(dirname));
  const stat = (path: string) => statSync(path, { throwIfNoEntry: false });
  const readFile = (path: string): string | undefined =>
    written.get(path)?.text ?? libraryText(path) ?? (stat(path)?.isFile() ? readText(path) : undefined);
  const host: ts.CompilerHost = {
    getSourceFile: path => written.get(path) ?? treeOf(path, readFile),
    readFile,
    fileExists: path => written.has(path) || libraryText(path) !== undefined || stat(path)?.isFile() === true,
    directoryExists: path => folders.has(path) || stat(path)?.isDirectory() === true,
    realpath: path => (stat(path) ? realpathSync(path) : path),
    getDefaultLibFileName: options => `${LIBRARY}/${ts.getDefaultLibFileName(options)}`,
    getCurrentDirectory: () => process.cwd(),
    getCanonicalFileName: path => path,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => "\n",
    writeFile: () => {
      throw new Error("a program is checked, and writes nothing");
    },
    getModuleResolutionCache: () => cache,
    // Names that the previous program resolved are not among these.
    resolveModuleNameLiterals: (names, containing, redirected, options, file) =>
      names.map(({ text }, i) => {
        const mode = ts.getModeForUsageLocation(file, names[i]!, options);
        return importOf(containing, text, mode, () =>
          ts.resolveModuleName(text, containing, options, host, cache, redirected, mode),
        );
      }),
  };
  const cache = ts.createModuleResolutionCache(host.getCurrentDirectory(), path => path);
  return host;
}

/** A file's text, without a byte order mark. */
export const readText = (path: string): string => readFileSync(path, "utf8").replace(/^\uFEFF/, "");

/** The folder that ts-morph has TypeScript's library in. It is in memory alone. */
const LIBRARY = "/node_modules/typescript/lib";

const FOLDERS = [
  new URL("../..", import.meta.url),
  new URL(".", pathToFileURL(createRequire(import.meta.url).resolve("zod"))),
].map(url => fileURLToPath(url));

/** Whether a file is one of the declarations. Those of an author's project are not, wherever it is. */
const isKept = (path: string): boolean =>
  path.startsWith(`${LIBRARY}/`) || (/\.d\.[cm]?ts$/.test(path) && FOLDERS.some(folder => path.startsWith(folder)));

let library: ts.ModuleResolutionHost | undefined;

/** @returns the text of a file of the library; undefined for other files */
function libraryText(path: string): string | undefined {
  if (!path.startsWith(`${LIBRARY}/`)) return undefined;
  library ??= new MorphProject({ skipAddingFilesFromTsConfig: true }).getModuleResolutionHost();
  return library.fileExists(path) ? library.readFile(path) : undefined;
}

const trees = new Map<string, ts.SourceFile>();

/**
 * Trees of declarations that do not change while a process lives: TypeScript's library, `merlon`, and zod, which its declarations import. Each is
 * parsed and bound once, and its imports are resolved once, for all programs of the process.
 * A text's tree, whose nodes know their parents. The tree of a kept file is shared.
 */
function treeOf(path: string, read: (path: string) => string | undefined): ts.SourceFile | undefined {
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
function importOf(path: string, name: string, mode: ts.ResolutionMode, resolve: () => Resolved): Resolved {
  if (!isKept(path)) return resolve();
  const known = imports.get(path) ?? new Map<string, Resolved>();
  imports.set(path, known);
  const key = `${mode} ${name}`;
  const found = known.get(key) ?? resolve();
  known.set(key, found);
  return found;
}
