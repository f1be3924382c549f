/**
 * JSON text → values, as libprotobuf's reader takes it: keys without quotes, quotes of either kind, a comma before the end and `1.` are fine; its
 * complaints have its words, the line at fault and a mark below it.
 */
import { bytesOf } from "../text-format/tokens.js";

export interface JsonNumber {
  readonly number: string;
}
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject;
/** Members in order; a key may repeat. */
export interface JsonObject {
  readonly members: readonly (readonly [key: string, value: JsonValue])[];
}

export const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === "object" && value !== null && "members" in value;
export const isNumber = (value: JsonValue): value is JsonNumber =>
  typeof value === "object" && value !== null && "number" in value;

/** How deep values may lie in each other. */
const MAX_DEPTH = 100;
/** How much of the text around a fault is shown. */
const CONTEXT = 20;

/** @throws Error with libprotobuf's text */
export function parseJson(json: string): JsonValue {
  // The mark below a line stands under a byte, not under a character.
  const text = bytesOf(json);
  let at = 0;
  const refuse = (message: string): never => {
    // The end has no text to show.
    if (at >= text.length) throw new Error(`Unexpected end of string. ${message}\n\n^`);
    throw new Error(`${message}\n${around(text, at)}`);
  };
  const blank = (): void => {
    while (/[\s]/.test(text.charAt(at))) at++;
  };
  /** At the end, `message` alone does not say what is missing. */
  const need = (message: string): void => {
    blank();
    if (at >= text.length) refuse(message);
  };
  const value = (depth: number): JsonValue => {
    need("Expected a value.");
    if (depth > MAX_DEPTH) throw new Error("Message too deep. Max recursion depth reached for key ''");
    const char = text.charAt(at);
    if (char === "{") return object(depth);
    if (char === "[") return list(depth);
    if (char === '"' || char === "'") return string();
    if (/[-0-9]/.test(char)) return number();
    for (const [word, meant] of WORDS)
      if (text.startsWith(word, at)) {
        at += word.length;
        return meant;
      }
    // The reader has let go of what is before.
    throw new Error(`Unexpected token.\n${around(text.slice(at), 0)}`);
  };
  const object = (depth: number): JsonObject => {
    const members: (readonly [string, JsonValue])[] = [];
    at++;
    for (;;) {
      need("Expected an object key or }.");
      if (text.charAt(at) === "}") break;
      const key = keyOf();
      need("Expected : between key:value pair.");
      if (text.charAt(at) !== ":") refuse("Expected : between key:value pair.");
      at++;
      members.push([key, value(depth + 1)]);
      need("Expected , or } after key:value pair.");
      if (text.charAt(at) === "}") break;
      if (text.charAt(at) !== ",") refuse("Expected , or } after key:value pair.");
      at++;
    }
    at++;
    return { members };
  };
  const keyOf = (): string => {
    if (/["']/.test(text.charAt(at))) return string();
    const [word] = /^[A-Za-z_$][\w$]*/.exec(text.slice(at)) ?? [];
    if (word === undefined) return refuse("Expected an object key or }.");
    at += word.length;
    return word;
  };
  const list = (depth: number): readonly JsonValue[] => {
    const items: JsonValue[] = [];
    at++;
    need("Expected a value or ] within an array.");
    for (; text.charAt(at) !== "]"; ) {
      items.push(value(depth + 1));
      need("Expected , or ] after array value.");
      if (text.charAt(at) === "]") break;
      if (text.charAt(at) !== ",") refuse("Expected , or ] after array value.");
      at++;
      need("Expected a value or ] within an array.");
    }
    at++;
    return items;
  };
  const string = (): string => {
    const quote = text.charAt(at);
    let read = "";
    for (at++; ; at++) {
      const char = text.charAt(at);
      if (at >= text.length) return refuse("Closing quote expected in string.");
      if (char === quote) break;
      if (char !== "\\") {
        read += char;
        continue;
      }
      const [, hex] = /^\\u([0-9a-fA-F]{4})/.exec(text.slice(at, at + 6)) ?? [];
      if (hex !== undefined) {
        const [pair = `\\u${hex}`] = /^\\ud[89ab]..\\ud[c-f][0-9a-f]{2}/i.exec(text.slice(at, at + 12)) ?? [];
        read += bytesOf(JSON.parse(`"${pair}"`) as string);
        at += pair.length - 1;
      } else if (text.charAt(at + 1) === "u") refuse("Invalid escape sequence.");
      else {
        at++;
        read += ESCAPES[text.charAt(at)] ?? text.charAt(at);
      }
    }
    at++;
    return textOf(read);
  };
  const number = (): JsonNumber => {
    const [word] = /^-?[\w.+-]*/.exec(text.slice(at))!;
    if (/^-?0[0-9xX]/.test(word)) refuse("Octal/hex numbers are not valid JSON values.");
    if (!Number.isFinite(Number(word))) refuse("Unable to parse number.");
    at += word.length;
    return { number: word };
  };
  const whole = value(0);
  blank();
  if (at < text.length) refuse("Parsing terminated before end of input.");
  return whole;
}

const WORDS: readonly (readonly [string, JsonValue])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];
const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** Bytes, one character each, as text. */
const textOf = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");

/** Some of the text before and after a place, and a mark under it. */
function around(text: string, at: number): string {
  const from = Math.max(0, at - CONTEXT);
  return `${textOf(text.slice(from, at + CONTEXT))}\n${" ".repeat(at - from)}^`;
}
