/**
 * Exact corrections of a finding. A message names them relative to its place (`Replacement`), because it is made where no text is at hand.
 * With the text they become edits (`Fix`), which `merlon check --fix` applies and editors offer.
 */
import { anyOf, nearNames } from "./near-names.js";

/** A correction of the text at a message's place. */
export type Replacement =
  /** A name, as it occurs once at the place: in quotes, or as an identifier. */
  | { readonly from: string; readonly to: string }
  /** A text that is meant as a number. */
  | { readonly unquoted: string }
  /** The place's whole text; `before` is the text in front of it, which is replaced too. */
  | { readonly write: string; readonly before?: string }
  /** A name that the file's import from `merlon` lacks. */
  | { readonly imported: string };

export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Fix {
  /** Verb first: `Replace "prise" by "price"`. */
  readonly title: string;
  readonly edits: readonly TextEdit[];
}

/** Names near to a wrong one, closest first: a sentence for the message, and the replacements that it means. */
export class Suggestion {
  constructor(
    readonly wrong: string,
    readonly names: readonly string[],
  ) {}

  toString(): string {
    return anyOf(this.names);
  }
}

/** Which of these names may have been meant. */
export const suggest = (wrong: string, names: Iterable<string>): Suggestion =>
  new Suggestion(wrong, nearNames(wrong, names));

/** The replacements of a message with this suggestion, to be spread into it. */
export const replacing = (suggestion: unknown): { readonly replacements?: readonly Replacement[] } =>
  suggestion instanceof Suggestion && suggestion.names.length > 0
    ? { replacements: suggestion.names.map(to => ({ from: suggestion.wrong, to })) }
    : {};

/** @param text the whole file @param site the message's place in it */
export const fixesOf = (
  text: string,
  site: { readonly start: number; readonly end: number },
  replacements: readonly Replacement[] = [],
): readonly Fix[] =>
  replacements.flatMap(replacement => {
    const edit =
      "from" in replacement
        ? renaming(text, site, replacement)
        : "unquoted" in replacement
          ? unquoting(text, site, replacement.unquoted)
          : "imported" in replacement
            ? importing(text, replacement.imported)
            : writing(text, site, replacement);
    return edit ? [edit] : [];
  });

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** Names are read from files of others (an ONNX graph, a registry). In the program they are written as text or as an identifier, never as code. */
function renaming(
  text: string,
  { start, end }: { readonly start: number; readonly end: number },
  { from, to }: { readonly from: string; readonly to: string },
): Fix | undefined {
  const at = text.indexOf(from, start);
  if (from === "" || at < 0 || at + from.length > end) return undefined;
  const again = text.indexOf(from, at + 1);
  if (again >= 0 && again + from.length <= end) return undefined;
  const [left = "", right = ""] = [text[at - 1], text[at + from.length]];
  const title = (shown: string) => `Replace ${shown} by ${shown.replace(from, () => to)}`;
  const isQuoted = left === right && /["'`]/.test(left);
  if (isQuoted) {
    const written = JSON.stringify(to)
      .slice(1, -1)
      .replaceAll(/(?<!\\)(?=['`]|\$\{)/g, "\\");
    return { title: title(`"${from}"`), edits: [{ start: at, end: at + from.length, text: written }] };
  }
  const isInText = (text.slice(start, at).match(/["'`]/g)?.length ?? 0) % 2 === 1;
  if (isInText || !IDENTIFIER.test(from) || !IDENTIFIER.test(to)) return undefined;
  if (/[\p{ID_Continue}$"'`]/u.test(left + right)) return undefined;
  return { title: title(`\`${from}\``), edits: [{ start: at, end: at + from.length, text: to }] };
}

function unquoting(text: string, { start, end }: { readonly start: number; readonly end: number }, value: string) {
  for (const quote of ['"', "'", "`"]) {
    const at = text.indexOf(quote + value + quote, start);
    const to = at + value.length + 2;
    if (at >= 0 && to <= end) return { title: `Write ${value}`, edits: [{ start: at, end: to, text: value }] };
  }
  return undefined;
}

function writing(
  text: string,
  { start, end }: { readonly start: number; readonly end: number },
  { write, before = "" }: { readonly write: string; readonly before?: string },
): Fix | undefined {
  const from = start - before.length;
  if (text.slice(from, start) !== before) return undefined;
  return { title: `Write \`${write}\``, edits: [{ start: from, end, text: write }] };
}

/** Its first import of names from `merlon` gets one more. */
function importing(text: string, name: string): Fix | undefined {
  const found = /^import \{([^}]*?)(,?\s*)\} from (["'])merlon\3/m.exec(text);
  if (!found || !IDENTIFIER.test(name)) return undefined;
  const at = found.index + "import {".length + found[1]!.length;
  const separator = found[1]!.trim() === "" ? " " : ", ";
  return { title: `Import \`${name}\` from merlon`, edits: [{ start: at, end: at, text: `${separator}${name}` }] };
}

/**
 * Applies edits that do not overlap; of those that do, the first.
 * @returns the new text, and the edits that it has
 */
export function applyEdits(
  text: string,
  fixes: readonly Fix[],
): { readonly text: string; readonly applied: readonly Fix[] } {
  const applied: Fix[] = [];
  const taken: TextEdit[] = [];
  for (const fix of fixes) {
    const same = (a: TextEdit, b: TextEdit) => a.start === b.start && a.end === b.end && a.text === b.text;
    const fresh = fix.edits.filter(edit => !taken.some(other => same(edit, other)));
    if (fresh.length === 0) continue;
    const clash = fresh.some(edit => taken.some(other => edit.start < other.end && other.start < edit.end));
    const inserts = fresh.some(edit => taken.some(other => edit.start === other.start && edit.end === other.end));
    if (clash || (inserts && fresh.some(edit => edit.start < edit.end))) continue;
    applied.push(fix);
    taken.push(...fresh);
  }
  let out = text;
  for (const { start, end, text: to } of taken.sort((a, b) => b.start - a.start))
    out = out.slice(0, start) + to + out.slice(end);
  return { text: out, applied };
}
