/** `merlon check --fix`: applies the exact fixes of findings, and says which. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { relative, sep } from "node:path";
import type { Diagnostic } from "../compiler/diagnostics/diagnostic.js";
import { applyEdits, fixesOf } from "../compiler/diagnostics/fixes.js";
import { replaceFile } from "../contract/files/replace-file.js";

/** One fix can uncover the next: a corrected name may lack its import. */
const MOST_ROUNDS = 5;

/**
 * Applies fixes until none is left. A finding that has several is left to its author, and so are files of packages.
 * @param find the findings in the files as they are
 * @returns the findings that remain
 * @throws Error where a file cannot be written
 */
export async function fixUntilDone<T extends { readonly diagnostics: readonly Diagnostic[] }>(
  find: () => Promise<T>,
  report: (line: string) => void,
): Promise<T> {
  for (let round = 1; ; round++) {
    const found = await find();
    if (round > MOST_ROUNDS || !fixOnce(found.diagnostics, report)) return found;
  }
}

/** @returns whether a file was changed */
function fixOnce(diagnostics: readonly Diagnostic[], report: (line: string) => void): boolean {
  const byFile = new Map<string, Diagnostic[]>();
  for (const diagnostic of diagnostics) {
    const { file } = diagnostic.site;
    if (diagnostic.fixes.length === 1 && !file.split(sep).includes("node_modules"))
      byFile.set(file, [...(byFile.get(file) ?? []), diagnostic]);
  }
  let isChanged = false;
  for (const [file, fixable] of byFile) {
    const before = readFileSync(file, "utf8");
    // Made again of the file as it is: an editor may have saved it meanwhile.
    const current = fixable.map(({ site, replacements, line, column }) => ({
      place: `${relative(process.cwd(), file)}:${line}:${column}`,
      fixes: fixesOf(before, site, replacements),
    }));
    const { text, applied } = applyEdits(
      before,
      current.flatMap(({ fixes }) => fixes),
    );
    if (text === before) continue;
    replaceText(file, text);
    isChanged = true;
    for (const { place, fixes } of current)
      for (const fix of fixes) if (applied.includes(fix)) report(`${place}: fixed: ${fix.title}`);
  }
  return isChanged;
}

/** Replaces a file whole, or the file that a link leads to. */
function replaceText(file: string, text: string): void {
  const target = realpathSync(file);
  replaceFile(target, text, { mode: statSync(target).mode });
}
