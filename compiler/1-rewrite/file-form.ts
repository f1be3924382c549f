/**
 * Reads a program's path: its form (TypeScript's extension or `.merlon`), the kind that its name promises, and its name in TypeScript. No
 * other file compares endings of names.
 */

/** Extension that TypeScript does not know, so that hosts may map it: Volar in TypeScript 6, a content mapper in TypeScript 7.1. */
export const FOREIGN = ".merlon";

/** Endings of the files in which operators mean nodes. */
export const SUFFIXES = [".ensemble.ts", ".workflow.ts", FOREIGN] as const;

/** For `--help` and messages. */
export const PROGRAM_FILES = "*.ensemble.ts, *.workflow.ts and *.merlon";

export type ProgramKind = "ensemble" | "workflow";

export interface FileForm {
  /** `ts` holds operators in a TypeScript file, `merlon` in a file of its own extension. */
  readonly form: "ts" | "merlon";
  /** The kind that the name promises. A `.merlon` file promises none: its default export decides. */
  readonly kind?: ProgramKind;
  /** The path without its ending: programs of one stem in one folder are the same program in two forms. */
  readonly stem: string;
  /** The path of the TypeScript file that a checker reads in its place. */
  readonly virtual: string;
}

/** @returns undefined for a path that is not a program's */
export function fileForm(path: string): FileForm | undefined {
  if (path.endsWith(FOREIGN))
    return { form: "merlon", stem: path.slice(0, -FOREIGN.length), virtual: virtualName(path) };
  for (const kind of ["ensemble", "workflow"] as const) {
    const ending = `.${kind}.ts`;
    if (path.endsWith(ending)) return { form: "ts", kind, stem: path.slice(0, -ending.length), virtual: path };
  }
  return undefined;
}

export const isMerlonFile = (path: string): boolean => SUFFIXES.some(suffix => path.endsWith(suffix));

/** `recommend.merlon` → `recommend.merlon.ts`; other paths are their own. */
export const virtualName = (path: string): string => (path.endsWith(FOREIGN) ? `${path}.ts` : path);

/** The inverse of `virtualName`, for paths, URLs and import specifiers. */
export const authorName = (virtual: string): string =>
  virtual.endsWith(`${FOREIGN}.ts`) ? virtual.slice(0, -".ts".length) : virtual;

/** The file names of the same stem that would be a second form of the program. */
export function otherForms(path: string): readonly string[] {
  const { form, stem, virtual } = fileForm(path) ?? {};
  if (form === undefined) return [];
  const others = form === "merlon" ? [`${stem}.ensemble.ts`, `${stem}.workflow.ts`] : [`${stem}${FOREIGN}`];
  return virtual === path ? others : [...others, virtual!];
}
