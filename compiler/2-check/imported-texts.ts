/**
 * A program's file → its text, and those of the files that it imports by relative paths. Scanning finds them, which takes no stack, so a
 * program that nothing can parse has its texts, too.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { importsOf } from "../checker/syntax.js";

/** Files of one program. */
const MOST_FILES = 1000;

export function importedTexts(entry: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const open = [entry];
  for (let path = open.pop(); path !== undefined && texts.size < MOST_FILES; path = open.pop()) {
    if (texts.has(path)) continue;
    const text = readFileSync(path, "utf8");
    texts.set(path, text);
    const folder = dirname(path);
    open.push(...importsOf(text).flatMap(name => (name.startsWith(".") ? sourceOf(resolve(folder, name)) : [])));
  }
  return texts;
}

/** An import names the file, or the JavaScript that it becomes, or leaves the extension out. */
function sourceOf(path: string): string[] {
  const paths = [path.replace(/\.js$/, ".ts"), path, `${path}.ts`];
  return paths.filter(one => statSync(one, { throwIfNoEntry: false })?.isFile()).slice(0, 1);
}
