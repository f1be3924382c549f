/**
 * Edits that a language service makes of a virtual file → edits of the author's text. Edits in glue are dropped, and no edit puts glue into the
 * author's text.
 */
import type ts from "typescript";
import { isMerlonFile } from "../1-rewrite/file-form.js";
import type { Span } from "../1-rewrite/spans.js";
import type { MerlonCode } from "./language-plugin.js";

type Edits = Pick<ts.LanguageService, "organizeImports" | "getApplicableRefactors" | "getEditsForRefactor">;
type CodeOf = (file: string) => MerlonCode | undefined;

/**
 * @param raw the service of the virtual files
 * @param service Volar's, which maps positions
 */
export const authorEdits = (raw: ts.LanguageService, service: ts.LanguageService, codeOf: CodeOf): Edits => ({
  // Volar drops all edits of a file if one of them is in glue. The empty export behind the author's text always has one.
  organizeImports: (scope, ...rest) =>
    isMerlonFile(scope.fileName)
      ? raw.organizeImports(scope, ...rest).flatMap(change => ofAuthor(change, codeOf))
      : service.organizeImports(scope, ...rest),
  // Only what is verbatim as a whole can be moved.
  getApplicableRefactors: (file, at, ...rest) => {
    const spans = isMerlonFile(file) ? codeOf(file)?.spans : undefined;
    const glued = spans && typeof at === "object" && !spans.some(span => covers(span, at));
    return glued ? [] : service.getApplicableRefactors(file, at, ...rest);
  },
  getEditsForRefactor: (file, ...rest) => {
    const found = service.getEditsForRefactor(file, ...rest);
    if (!found || !isMerlonFile(file)) return found;
    if (found.edits.some(hasGlue)) return undefined;
    // Volar leaves `renameLocation`, where an editor prompts for the new name, in the virtual text.
    const { renameFilename: _, renameLocation: __, ...edits } = found;
    return edits;
  },
});

function ofAuthor(change: ts.FileTextChanges, codeOf: CodeOf): readonly ts.FileTextChanges[] {
  const spans = codeOf(change.fileName)?.spans;
  if (!spans) return [change];
  const textChanges = change.textChanges.flatMap(edit => {
    const span = authorSpan(spans, edit.span);
    return span ? [{ ...edit, span }] : [];
  });
  return textChanges.length ? [{ ...change, textChanges }] : [];
}

function authorSpan(spans: readonly Span[], { start, length }: ts.TextSpan): ts.TextSpan | undefined {
  const within = spans.find(({ target, length: size }) => start >= target && start + length <= target + size);
  return within && { start: within.source + start - within.target, length };
}

const covers = ({ source, length }: Span, { pos, end }: ts.TextRange): boolean =>
  source <= pos && end <= source + length;

const hasGlue = ({ textChanges }: ts.FileTextChanges): boolean =>
  textChanges.some(({ newText }) => /\$(?:chain|plus|minus|pick|list|lambda)\(/.test(newText));
