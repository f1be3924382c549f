/**
 * The TypeScript of a program's project: which one it is, whether it can show operators, and if not, the sentence that says what to do.
 * The compiler brings its own, so `merlon check` and `merlon build` work whatever the project has.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileForm } from "../compiler/1-rewrite/file-form.js";

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
  const config = findConfig(folder);
  const where = config ?? "a tsconfig.json";
  if (teach === "mapper")
    return config !== undefined && names(config, maps)
      ? undefined
      : `TypeScript ${version} reads \`.merlon\` files with Merlon's content mapper: add \`"contentMappers": [{ "package": "merlon", "extensions": [".merlon"] }]\` to ${where}.`;
  if (config === undefined || !names(config, plugs))
    return `TypeScript ${version} shows operators with Merlon's plugin: add \`"plugins": [{ "name": "merlon" }]\` to \`compilerOptions\` in ${where}.`;
  for (const name of SECOND) {
    const second = projectTypeScript(folder, name);
    if (second)
      return `The project has two TypeScripts, ${version} and ${name} ${second.version}: operators show with the first, so choose its \`lib\` as \`typescript.tsdk\` in the editor.`;
  }
  return undefined;
}

function hasPackage(from: string): boolean {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "node_modules", "merlon", "package.json"))) return true;
    if (folder === dirname(folder)) return false;
  }
}

interface Config {
  readonly extends?: unknown;
  readonly compilerOptions?: { readonly plugins?: unknown };
  readonly contentMappers?: unknown;
}

const hasEntry = (list: unknown, key: string): boolean =>
  Array.isArray(list) && list.some((entry: unknown) => (entry as Record<string, unknown> | null)?.[key] === "merlon");
const plugs = ({ compilerOptions }: Config): boolean => hasEntry(compilerOptions?.plugins, "name");
const maps = ({ contentMappers }: Config): boolean => hasEntry(contentMappers, "package");

/** The nearest tsconfig.json, up to the folder of the package. */
function findConfig(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, "tsconfig.json");
    if (existsSync(file)) return file;
    if (existsSync(join(folder, "package.json")) || folder === dirname(folder)) return undefined;
  }
}

/** Whether a configuration, or one that it extends, has an entry. A configuration that cannot be read is TypeScript's to report. */
function names(file: string, test: (config: Config) => boolean, seen = new Set<string>()): boolean {
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  const config = readConfig(file);
  if (!config) return false;
  return (
    test(config) ||
    [config.extends].flat().some(base => typeof base === "string" && names(baseOf(file, base), test, seen))
  );
}

function baseOf(file: string, base: string): string {
  const path = base.endsWith(".json") ? base : `${base}.json`;
  if (/^\.{0,2}\//.test(base)) return resolve(dirname(file), path);
  try {
    return createRequire(file).resolve(base);
  } catch {
    return "";
  }
}

/** JSON with comments and trailing commas. */
function readConfig(file: string): Config | undefined {
  const bare = readFileSync(file, "utf8")
    .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, text?: string) => text ?? "")
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, (_, text?: string) => text ?? "");
  try {
    return JSON.parse(bare) as Config;
  } catch {
    return undefined;
  }
}
