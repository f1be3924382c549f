/**
 * The tsconfig.json of a program's project, read as far as Merlon's advice needs it. TypeScript reports what is wrong with the rest.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

interface CompilerOptions {
  readonly plugins?: unknown;
  readonly module?: unknown;
  readonly target?: unknown;
  readonly lib?: unknown;
  readonly types?: unknown;
}

interface ConfigText {
  readonly extends?: unknown;
  readonly compilerOptions?: CompilerOptions;
  readonly contentMappers?: unknown;
}

export interface ProjectConfig {
  readonly file: string;
  /** Options of the file, and behind them those that it extends. */
  readonly options: CompilerOptions;
  /** Whether the plugin for TypeScript 6 is named, and the content mapper for 7.1. */
  readonly plugs: boolean;
  readonly maps: boolean;
  /** `FILE:LINE:COLUMN` where a file of the chain stops being JSON. */
  readonly broken?: string;
}

/** The nearest tsconfig.json, up to the folder of the package. */
export function findConfig(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, "tsconfig.json");
    if (existsSync(file)) return file;
    if (existsSync(join(folder, "package.json")) || folder === dirname(folder)) return undefined;
  }
}

/** Reads a configuration with those that it extends; a circle ends, and a file that is missing counts as empty. */
export function readProjectConfig(file: string): ProjectConfig {
  const chain: ConfigText[] = [];
  let broken: string | undefined;
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path) || !existsSync(path)) return;
    seen.add(path);
    const text = readConfig(path);
    if (typeof text === "string") {
      broken ??= text;
      return;
    }
    chain.push(text);
    // The last one that is extended counts most.
    for (const base of [text.extends].flat().toReversed()) if (typeof base === "string") visit(baseOf(path, base));
  };
  visit(file);
  return {
    file,
    options: Object.assign({}, ...chain.map(({ compilerOptions }) => compilerOptions).toReversed()),
    plugs: chain.some(({ compilerOptions }) => hasEntry(compilerOptions?.plugins, "name")),
    maps: chain.some(({ contentMappers }) => hasEntry(contentMappers, "package")),
    ...(broken !== undefined && { broken }),
  };
}

const hasEntry = (list: unknown, key: string): boolean =>
  Array.isArray(list) && list.some((entry: unknown) => (entry as Record<string, unknown> | null)?.[key] === "merlon");

function baseOf(file: string, base: string): string {
  const path = base.endsWith(".json") ? base : `${base}.json`;
  if (/^\.{0,2}\//.test(base)) return resolve(dirname(file), path);
  try {
    return createRequire(file).resolve(base);
  } catch {
    return "";
  }
}

/** JSON with comments and trailing commas. @returns the place of the fault, if there is one */
function readConfig(file: string): ConfigText | string {
  const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ");
  const bare = readFileSync(file, "utf8")
    .replace(/^\uFEFF/, "")
    .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (found, text?: string) => text ?? blank(found))
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, (_, text?: string) => text ?? " ");
  try {
    const value: unknown = JSON.parse(bare);
    return typeof value === "object" && value !== null ? value : `${file}:1:1`;
  } catch (error) {
    const at = Number(/at position (\d+)/.exec((error as Error).message)?.[1] ?? bare.trimEnd().length);
    const lines = bare.slice(0, at).split("\n");
    return `${file}:${lines.length}:${lines.at(-1)!.length + 1}`;
  }
}

type Advice = (config: ProjectConfig) => string | undefined;

/** Editors show these errors too. */
export const editorSettings: Advice = config => brokenAdvice(config) ?? moduleAdvice(config) ?? typesAdvice(config);

/** About `await` and `await using` at the top of a file that TypeScript reads as CommonJS. */
const ABOUT_MODULES = ["TS1309", "TS1378", "TS2853", "TS2854"];

/**
 * One sentence for each setting without which `tsc` reports errors in files that use Merlon's client or test kit.
 *
 * @param errors numbers of the errors that it reported
 */
export function tscSettings(config: ProjectConfig, errors: ReadonlySet<string>): string[] {
  const broken = brokenAdvice(config);
  if (broken !== undefined) return [broken];
  const isAboutModules = ABOUT_MODULES.some(error => errors.has(error));
  return (isAboutModules ? [moduleAdvice, typesAdvice] : [typesAdvice]).flatMap(advice => advice(config) ?? []);
}

export const brokenAdvice: Advice = ({ broken }) =>
  broken === undefined ? undefined : `${broken}: the configuration is not valid JSON; correct it first.`;

const moduleAdvice: Advice = ({ file, options: { module } }) => {
  const manifest = findManifest(dirname(resolve(file)));
  if (!/^node/i.test(String(module)) || manifest === undefined || isModule(manifest)) return undefined;
  return `TypeScript reads the project as CommonJS, where \`await using\` cannot be at the top of a file: add \`"type": "module"\` to ${manifest}.`;
};

const typesAdvice: Advice = ({ file, options: { lib, target, types } }) => {
  const libraries = Array.isArray(lib) ? lib : [target];
  const known = libraries.some(name => /^esnext(\.disposable)?$/i.test(String(name))) || namesNode(types);
  if (known) return undefined;
  return `\`merlon/client\` and \`merlon/testing\` need the types of \`await using\` and of Node: install @types/node, and add \`"lib": ["es2023", "esnext.disposable"]\` and \`"types": ["node"]\` to \`compilerOptions\` in ${file}.`;
};

const namesNode = (types: unknown): boolean => Array.isArray(types) && (types.includes("node") || types.includes("*"));

function findManifest(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) return file;
    if (folder === dirname(folder)) return undefined;
  }
}

function isModule(manifest: string): boolean {
  try {
    return (JSON.parse(readFileSync(manifest, "utf8")) as { type?: unknown } | null)?.type === "module";
  } catch {
    return false;
  }
}
