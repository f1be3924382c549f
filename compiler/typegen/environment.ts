/**
 * `merlon-env.d.ts`: entries by path ⇄ the file's text, and where a program finds it.
 */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import * as ts from "../checker/syntax.js";

export const ENVIRONMENT_FILE = "merlon-env.d.ts";

/** Entries of `Artefacts` as TypeScript, by path. */
export type Entries = ReadonlyMap<string, string>;

/** @param left paths that mean different things to different programs, with those programs */
export function printEnvironment(entries: Entries, left: ReadonlyMap<string, readonly string[]> = new Map()): string {
  const lines = [...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, type]) => `    ${JSON.stringify(path)}: ${type.replaceAll("\n", "\n    ")};\n`);
  const notes = [...left].map(
    ([path, programs]) => `    // ${JSON.stringify(path)} is something else in each of ${programs.join(", ")}.\n`,
  );
  return `// Written by \`merlon typegen\`: the columns of the artefacts that programs name. \`merlon check\` says when it is stale, and
// \`merlon build\` refreshes it.
export {};

declare module "merlon" {
  interface Artefacts {
${lines.join("")}${notes.join("")}  }
}
`;
}

/** Entries of a file's text; a text that is something else has none. */
export function readEnvironment(text: string): Map<string, string> {
  const tree = ts.parse(ENVIRONMENT_FILE, text);
  const entries = new Map<string, string>();
  const visit = (node: ts.Node): void => {
    if (ts.isInterfaceDeclaration(node) && node.name.text === "Artefacts")
      for (const member of node.members)
        if (ts.isPropertySignature(member) && member.type && ts.isStringLiteral(member.name))
          entries.set(member.name.text, member.type.getText(tree).replaceAll("\n    ", "\n"));
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return entries;
}

/** Equal but for white space. */
export const sameEntry = (a: string | undefined, b: string | undefined): boolean =>
  a?.replace(/\s+/g, " ") === b?.replace(/\s+/g, " ");

/** The nearest environment file of a program, up to the folder of its package. */
export function findEnvironment(program: string): string | undefined {
  for (let folder = dirname(program); ; folder = dirname(folder)) {
    const file = join(folder, ENVIRONMENT_FILE);
    if (existsSync(file)) return file;
    const isTop = existsSync(join(folder, "package.json")) || existsSync(join(folder, ".git"));
    if (isTop || folder === dirname(folder)) return undefined;
  }
}
