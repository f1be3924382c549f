/** The project that a program belongs to: it reads nothing beyond it. */
import { existsSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** The nearest folder above that holds a `package.json` or a repository; undefined where there is none to stay in. */
export function projectOf(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, "package.json")) || existsSync(join(at, ".git"))) return at;
    if (at === dirname(at)) return undefined;
  }
}

export const isInside = (project: string, path: string): boolean => relative(project, path).split(sep)[0] !== "..";
