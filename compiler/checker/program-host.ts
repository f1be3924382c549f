/**
 * The file system of one program: texts that were written, before files of the disk.
 */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { ts } from "ts-morph";
import { importOf, LIBRARY, libraryText, treeOf } from "./kept-trees.js";

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
