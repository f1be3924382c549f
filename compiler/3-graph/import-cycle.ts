/** The files of a program that import each other in a circle. */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { programModule } from "./program-modules.js";

/** TypeScript prints an import in one line. */
const IMPORTS = /^[ \t]*(?:import|export)\b[^"';\n]*["']([^"'\n]+)["']/gm;

/**
 * @param entry file: URL
 * @param modules JavaScript by file: URL
 * @returns names of files, the first one again at the end; undefined if no import is circular
 */
export function importCycle(entry: string, modules: ReadonlyMap<string, string>): readonly string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (url: string): readonly string[] | undefined => {
    const start = path.indexOf(url);
    if (start >= 0) return [...path.slice(start), url].map(one => basename(fileURLToPath(one)));
    if (done.has(url)) return undefined;
    done.add(url);
    path.push(url);
    for (const [, specifier] of modules.get(url)?.matchAll(IMPORTS) ?? []) {
      const next = programModule(modules, specifier!, url);
      const found = next === undefined ? undefined : visit(next);
      if (found) return found;
    }
    path.pop();
    return undefined;
  };
  return visit(entry);
}
