/**
 * TypeScript's finding about an operand → our message: the sentence of the operand's rule, the existing names, and a fix.
 */
import { listNames, type Message } from "../diagnostics/diagnostic.js";
import { replacing, suggest } from "../diagnostics/fixes.js";
import * as messages from "../diagnostics/messages.js";
import type { OperandFault } from "./operand-fault.js";

/** A sentence in place of a type, as TypeScript prints it. */
const PRINTED = /is not assignable to parameter of type '"((?:[^"\\]|\\.)*)"/;

const MISSING = /^no column "(.*)" in|needs column "(?:\S+ )?(.*)", which nothing/;
const NOT_ASSIGNABLE = 2345;

const WAYS: readonly (readonly [RegExp, string])[] = [
  [/^no column/, "Pick a column that the node has, or make it before."],
  [/but upstream provides/, "Make the column that type before, or choose another."],
  [/needs column/, "Bring the column along, or `>> rename(...)` the one that holds it."],
  [
    /^both sides of \+/,
    'Write `(left - "name") + right`, `>> rename({ prefix: "left_" })`, or `left.plus(right, { wins: "right" })`.',
  ],
  [/^left of >>/, 'Write `source({ price: "float32" })`, or `["price"] >> clip({ min: 0 })`.'],
  [/^right of >>/, "Call the operator: `>> clip({ min: 0 })`."],
  [/works on numbers/, "Encode the text first, `>> categorify()`, or leave the column out."],
  [/takes one column/, 'Pick the one: `node["name"]`.'],
];

const MOST_SENTENCES = 3;

/**
 * @param text TypeScript's message, flattened
 * @param number its number
 */
export function reword(text: string, number: number, fault?: OperandFault): Message {
  const printed = PRINTED.exec(text)?.[1]?.replace(/\\(.)/g, "$1");
  const known = number === NOT_ASSIGNABLE && fault?.sentences.length ? fault.sentences : undefined;
  const sentences = known ?? (printed === undefined ? [] : [printed]);
  const [first] = sentences;
  if (first === undefined) return messages.typeTypescript({ text: text.split("\n")[0]!.replace(/\.$/, ""), number });
  const shown = sentences.slice(0, MOST_SENTENCES).join("; ");
  const more = sentences.length > MOST_SENTENCES ? `; and ${sentences.length - MOST_SENTENCES} more` : "";
  const missing = MISSING.exec(first)
    ?.slice(1)
    .find(name => name !== undefined);
  const names = fault?.columns;
  const near = missing !== undefined && names ? suggest(missing, names) : undefined;
  const upstream = near && names ? `. Upstream has ${listNames(names)}.${near}` : "";
  const sentence = `${spoken(shown)}${more}${upstream}`;
  const way = WAYS.find(([pattern]) => pattern.test(first))?.[1] ?? "Change the operand at the mark.";
  return { ...messages.typeOperand({ sentence, way }), ...replacing(near) };
}

/** A sentence as prose: a capital, and names between backticks. */
const spoken = (sentence: string): string =>
  sentence
    .replace(/"([^"]+)"/g, "`$1`")
    .replace(/(^|; )(\S+) (works|takes|needs|holds) /g, "$1`$2` $3 ")
    .replace(/^[a-z]/, first => first.toUpperCase());
