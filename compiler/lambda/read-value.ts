/**
 * A part of a user's function that must be a plain value.
 */
import type * as ts from "../checker/syntax.js";
import { type Context, unsupported } from "./context.js";
import { describeTerm, listOf } from "./term.js";
import type { ValueTerm } from "./value-term.js";

/** A part that must be a plain value. */
export function readValue(node: ts.Expression, context: Context): ValueTerm | undefined {
  const term = context.translate(node, context);
  if (!term || term.kind === "value") return term;
  if (term.kind === "constant" && Array.isArray(term.value)) {
    const list = listOf(term.value);
    if (list) return list;
  }
  const ways = {
    date: "Use a part of it: `.getUTCHours()`, `.getTime()`.",
    row: "Name a column of it: `row.price`.",
    constant: "Use a list of numbers, a list of texts, or one member: `LIMITS.price`.",
    unreadable: "Cast it first, or leave it out.",
  } as const;
  return unsupported(context, node, `${capital(describeTerm(term))}, as a value,`, ways[term.kind]);
}

const capital = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}`;
