/**
 * Programs → the same programs in another form: which files are written, which are removed, and the importers whose specifiers change. Nothing is
 * written here.
 */
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { FOREIGN, fileForm, otherForms, type ProgramKind } from "../1-rewrite/file-form.js";
import { specifierOf } from "../1-rewrite/foreign-imports.js";
import { exported } from "../author-tree.js";
import * as ts from "../checker/syntax.js";
import { arithmeticOf } from "./arithmetic.js";
import { methodForm } from "./method-form.js";

export const MIGRATION_TARGETS = ["merlon", "ts", "methods"] as const;
export type MigrationTarget = (typeof MIGRATION_TARGETS)[number];

export interface MigrateOptions {
  readonly to: MigrationTarget;
  /** Kind of the files whose default export does not say it. */
  readonly kind?: ProgramKind;
}

export interface Change {
  /** Absolute paths; the same one where a file stays. */
  readonly from: string;
  readonly to: string;
  readonly text: string;
  /** For people: "renamed", "method form", "1 import". */
  readonly what: readonly string[];
}

/** @throws Error for a file that can't be converted, before anything is written */
export function migrate(files: readonly string[], options: MigrateOptions): readonly Change[] {
  const given = [...new Set(files.map(file => resolve(file)))];
  const moves = new Map(given.map(file => [file, targetOf(file, options)]));
  const targets = new Map<string, string>();
  for (const [from, to] of moves) {
    const other = targets.get(to);
    if (other !== undefined) throw new Error(`${short(other)} and ${short(from)} would both become ${short(to)}.`);
    targets.set(to, from);
    if (to !== from && existsSync(to))
      throw new Error(`${short(from)} would become ${short(to)}, which exists: move one of them away.`);
  }
  for (const [to, from] of targets) {
    const second = otherForms(to).find(path => existsSync(path) && !moves.has(path));
    if (second !== undefined)
      throw new Error(
        `${short(from)} would become ${short(to)}, a second form of ${short(second)}: rename one of them first.`,
      );
  }
  const changes = given.map(from => convert(from, moves.get(from)!, options.to));
  const renamed = new Map([...moves].filter(([from, to]) => from !== to));
  const importers =
    renamed.size === 0 ? [] : [...new Set(given.map(packageFolder))].flatMap(folder => sourceFiles(folder));
  const others = [...new Set(importers)].filter(file => !moves.has(file)).map(file => unchanged(file));
  return [...changes, ...others].map(change => relink(change, renamed)).filter(({ what }) => what.length > 0);
}

const short = (path: string): string => {
  const shown = relative(process.cwd(), path);
  return shown.startsWith("..") ? path : shown;
};

/** The path of the converted program. */
function targetOf(file: string, { to, kind }: MigrateOptions): string {
  const form = fileForm(file);
  if (!existsSync(file)) throw new Error(`${short(file)}: there is no such file.`);
  if (!form)
    throw new Error(
      `${short(file)} is not a program: its name ends with neither \`.ensemble.ts\`, \`.workflow.ts\` nor \`.merlon\`.`,
    );
  if (!lstatSync(file).isFile()) throw new Error(`${short(file)} is not a regular file.`);
  if (to === "merlon") return `${form.stem}${FOREIGN}`;
  if (form.form === "ts") return file;
  const found = exportedKind(file) ?? kind;
  if (!found)
    throw new Error(
      `${short(file)} exports no \`ensemble(...)\` or \`workflow(...)\` by default: say which it is with \`--kind\`.`,
    );
  return `${form.stem}.${found}.ts`;
}

function exportedKind(file: string): ProgramKind | undefined {
  const value = exported(ts.parse(file, readFileSync(file, "utf8")));
  const name = value && ts.isCallExpression(value) && ts.isIdentifier(value.expression) ? value.expression.text : "";
  return name === "ensemble" || name === "workflow" ? name : undefined;
}

const unchanged = (file: string): Change => ({ from: file, to: file, text: readFileSync(file, "utf8"), what: [] });

function convert(from: string, to: string, target: MigrationTarget): Change {
  const { text } = unchanged(from);
  const renamed = from === to ? [] : ["renamed"];
  if (target !== "methods") return { from, to, text, what: renamed };
  const { operators, findings } = arithmeticOf(from);
  const [first] = findings;
  if (first)
    throw new Error(
      `${short(from)} has a mistake: ${first.message} Correct it first; \`merlon check ${short(from)}\` says where it is.`,
    );
  const made = methodForm(text, from, operator => operators.has(operator));
  return { from, to, text: made, what: made === text ? renamed : [...renamed, "method form"] };
}

/** Specifiers that name a moved file. */
function relink(change: Change, renamed: ReadonlyMap<string, string>): Change {
  const { from, text } = change;
  if (![...renamed.keys()].some(file => text.includes(stemOf(file)))) return change;
  const edits: { readonly start: number; readonly end: number; readonly text: string }[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    const to = specifier && movedTo(from, specifier.text, renamed);
    if (specifier && to !== undefined)
      edits.push({ start: specifier.getStart() + 1, end: specifier.end - 1, text: spelled(change.to, to) });
    ts.forEachChild(node, visit);
  };
  visit(ts.parse(from, text));
  if (edits.length === 0) return change;
  const linked = edits.reduceRight(
    (out, edit) => `${out.slice(0, edit.start)}${edit.text}${out.slice(edit.end)}`,
    text,
  );
  return { ...change, text: linked, what: [...change.what, `${edits.length} import${edits.length === 1 ? "" : "s"}`] };
}

const stemOf = (file: string): string => basename(fileForm(file)!.stem);

/** `./shared.workflow.js`, `.ts` or neither, as TypeScript resolves them. */
function movedTo(importer: string, specifier: string, renamed: ReadonlyMap<string, string>): string | undefined {
  if (!/^\.{1,2}\//.test(specifier)) return undefined;
  const named = resolve(dirname(importer), specifier);
  return [named, named.replace(/\.js$/, ".ts"), `${named}.ts`]
    .map(path => renamed.get(path))
    .find(to => to !== undefined);
}

/** TypeScript files are imported under the name of their JavaScript. */
function spelled(importer: string, file: string): string {
  const path = relative(dirname(importer), file).replaceAll("\\", "/").replace(/\.ts$/, ".js");
  return path.startsWith(".") ? path : `./${path}`;
}

/** The folder of a file's package; its own folder where there is none. */
function packageFolder(file: string): string {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json")) || existsSync(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return dirname(file);
  }
}

/** TypeScript files and programs below a folder, sorted. Links are not followed. */
function sourceFiles(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap(entry => {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".") || entry.name === "node_modules" || entry.name === "dist") return [];
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.isFile() && /\.(?:[cm]?ts|tsx|merlon)$/.test(entry.name) && !entry.name.endsWith(".d.ts")
      ? [path]
      : [];
  });
}
