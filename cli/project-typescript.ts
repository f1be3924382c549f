/**
 * The TypeScript of a program's project: which one it is, whether it can show operators, and if not, the sentence that says what to do.
 * The compiler brings its own, so `merlon check` and `merlon build` work whatever the project has.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileForm } from "../compiler/1-rewrite/file-form.js";
import { brokenAdvice, editorSettings, findConfig, readProjectConfig } from "./project-config.js";

export interface ProjectTypeScript {
  readonly version: string;
  /** Folder of its package. */
  readonly folder: string;
  /** `plugin` is TypeScript 6 and older, `mapper` is 7.1 and newer. `none` is 7.0, which cannot be extended. */
  readonly teach: "plugin" | "mapper" | "none";
}

/** Packages that bring a second TypeScript, which some editors run in place of the first. */
const SECOND = ["@typescript/native-preview"];

/** @returns the TypeScript that a file of this folder would import, if there is one */
export function projectTypeScript(folder: string, name = "typescript"): ProjectTypeScript | undefined {
  let manifest: string;
  try {
    manifest = createRequire(join(resolve(folder), "_.js")).resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
  const { version = "" } = JSON.parse(readFileSync(manifest, "utf8")) as { version?: string };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const teach = major < 7 ? "plugin" : major === 7 && minor === 0 ? "none" : "mapper";
  return { version, folder: dirname(manifest), teach };
}

/**
 * Says what to do for an editor, or `tsc`, to show a program that it cannot show.
 * @param usesOperators whether the file has operators; the method form is plain TypeScript
 * @returns one sentence; undefined where there is nothing to do, or no TypeScript
 */
export function operatorAdvice(file: string, usesOperators: boolean): string | undefined {
  const form = fileForm(file)?.form;
  if (form === undefined || (form === "ts" && !usesOperators)) return undefined;
  const folder = dirname(resolve(file));
  const typescript = projectTypeScript(folder);
  // Without the package no editor finds the types, the plugin or the mapper: Merlon runs from elsewhere.
  if (!typescript || !hasPackage(folder)) return undefined;
  const { version, teach } = typescript;
  if (teach === "none")
    return `TypeScript ${version} shows operators in no file: install typescript@6 or TypeScript 7.1 in the project, or run \`merlon migrate ${file} --to methods\`.`;
  if (teach === "mapper" && form === "ts")
    return `TypeScript ${version} reads operators in \`.merlon\` files alone: run \`merlon migrate ${file} --to merlon\`, or \`--to methods\`.`;
  const found = findConfig(folder);
  const config = found === undefined ? undefined : readProjectConfig(found);
  const where = found ?? "a tsconfig.json";
  if (config?.broken !== undefined) return brokenAdvice(config);
  if (teach === "mapper")
    return config?.maps
      ? undefined
      : `TypeScript ${version} reads \`.merlon\` files with Merlon's content mapper: add \`"contentMappers": [{ "package": "merlon", "extensions": [".merlon"] }]\` to ${where}.`;
  if (!config?.plugs)
    return `TypeScript ${version} shows operators with Merlon's plugin: add \`"plugins": [{ "name": "merlon" }]\` to \`compilerOptions\` in ${where}.`;
  for (const name of SECOND) {
    const second = projectTypeScript(folder, name);
    if (second)
      return `The project has two TypeScripts, ${version} and ${name} ${second.version}: operators show with the first, so choose its \`lib\` as \`typescript.tsdk\` in the editor.`;
  }
  return undefined;
}

/** A setting that files beside a program need, in a project whose configuration names Merlon. @returns one sentence */
export function settingAdvice(file: string): string | undefined {
  const folder = dirname(resolve(file));
  const found = projectTypeScript(folder) && hasPackage(folder) ? findConfig(folder) : undefined;
  const config = found === undefined ? undefined : readProjectConfig(found);
  return config && (config.plugs || config.maps) ? editorSettings(config) : undefined;
}

function hasPackage(from: string): boolean {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "node_modules", "merlon", "package.json"))) return true;
    if (folder === dirname(folder)) return false;
  }
}
