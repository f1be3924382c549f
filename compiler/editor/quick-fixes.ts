/**
 * The exact corrections of our messages as an editor's quick fixes. TypeScript's own, such as a missing import, stay beside them.
 */
import type ts from "typescript";
import { fixesOf } from "../diagnostics/fixes.js";
import type { AuthorDiagnostic } from "./author-diagnostics.js";
import { DIAGNOSTIC_NUMBER } from "./virtual-text.js";

/** Messages that our sentences replace: an argument that no rule accepts, and no overload that does. Editors request fixes for numbers that are listed. */
const NUMBERS = [DIAGNOSTIC_NUMBER, 2345, 2769];

/** The numbers for which an editor may request fixes. */
export const withOurNumbers = (numbers: readonly string[]): string[] => [
  ...new Set([...numbers, ...NUMBERS.map(String)]),
];

/**
 * @param text the author's
 * @param start of the diagnostic that the editor requests fixes for; `end` likewise
 */
export const quickFixes = (
  fileName: string,
  text: string,
  diagnostics: readonly AuthorDiagnostic[],
  start: number,
  end: number,
): ts.CodeFixAction[] =>
  diagnostics
    .filter(({ diagnostic }) => diagnostic.start === start && start + (diagnostic.length ?? 0) === end)
    .flatMap(({ replacements }) => fixesOf(text, { start, end }, replacements))
    .map(({ title, edits }) => ({
      fixName: "merlon",
      description: title,
      changes: [
        {
          fileName,
          textChanges: edits.map(edit => ({
            span: { start: edit.start, length: edit.end - edit.start },
            newText: edit.text,
          })),
        },
      ],
    }));
