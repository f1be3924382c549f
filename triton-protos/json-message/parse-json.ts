/**
 * JSON text → values, as libprotobuf's reader takes it: keys without quotes, quotes of either kind, a comma before the end and `1.` are
 * accepted. Its complaints have its words, the wrong line and a mark below it.
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
  return new JsonReader(json).readWhole();
}

class JsonReader {
  /** Bytes, one character each: the mark below a line is under a byte, not under a character. */
  readonly #text: string;
  #at = 0;

  constructor(json: string) {
    this.#text = bytesOf(json);
  }

  readWhole(): JsonValue {
    const whole = this.#value(0);
    this.#skipBlank();
    if (this.#at < this.#text.length) this.#refuse("Parsing terminated before end of input.");
    return whole;
  }

  #value(depth: number): JsonValue {
    this.#need("Expected a value.");
    if (depth > MAX_DEPTH) throw new Error("Message too deep. Max recursion depth reached for key ''");
    const char = this.#text.charAt(this.#at);
    if (char === "{") return this.#object(depth);
    if (char === "[") return this.#list(depth);
    if (char === '"' || char === "'") return this.#string();
    if (/[-0-9]/.test(char)) return this.#number();
    return this.#word();
  }

  #word(): JsonValue {
    for (const [word, meant] of WORDS)
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return meant;
      }
    // libprotobuf's reader no longer has the text before it.
    throw new Error(`Unexpected token.\n${around(this.#text.slice(this.#at), 0)}`);
  }

  #object(depth: number): JsonObject {
    const members: (readonly [string, JsonValue])[] = [];
    this.#at++;
    for (;;) {
      this.#need("Expected an object key or }.");
      if (this.#isNext("}")) break;
      const key = this.#key();
      this.#need("Expected : between key:value pair.");
      if (!this.#isNext(":")) this.#refuse("Expected : between key:value pair.");
      this.#at++;
      members.push([key, this.#value(depth + 1)]);
      if (this.#endsAfterItem("}", "Expected , or } after key:value pair.")) break;
    }
    this.#at++;
    return { members };
  }

  #key(): string {
    if (/["']/.test(this.#text.charAt(this.#at))) return this.#string();
    const [word] = /^[A-Za-z_$][\w$]*/.exec(this.#text.slice(this.#at)) ?? [];
    if (word === undefined) return this.#refuse("Expected an object key or }.");
    this.#at += word.length;
    return word;
  }

  #list(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#at++;
    this.#need("Expected a value or ] within an array.");
    while (!this.#isNext("]")) {
      items.push(this.#value(depth + 1));
      if (this.#endsAfterItem("]", "Expected , or ] after array value.")) break;
      this.#need("Expected a value or ] within an array.");
    }
    this.#at++;
    return items;
  }

  /** Reads the comma after an item. @returns whether the end is there in its place */
  #endsAfterItem(end: "]" | "}", message: string): boolean {
    this.#need(message);
    if (this.#isNext(end)) return true;
    if (!this.#isNext(",")) this.#refuse(message);
    this.#at++;
    return false;
  }

  #string(): string {
    const quote = this.#text.charAt(this.#at);
    let read = "";
    for (this.#at++; ; this.#at++) {
      const char = this.#text.charAt(this.#at);
      if (this.#at >= this.#text.length) return this.#refuse("Closing quote expected in string.");
      if (char === quote) break;
      read += char === "\\" ? this.#escape() : char;
    }
    this.#at++;
    return textOf(read);
  }

  /** The bytes that an escape stands for; ends at its last character. */
  #escape(): string {
    const [, hex] = /^\\u([0-9a-fA-F]{4})/.exec(this.#text.slice(this.#at, this.#at + 6)) ?? [];
    if (hex !== undefined) {
      const [pair = `\\u${hex}`] =
        /^\\ud[89ab]..\\ud[c-f][0-9a-f]{2}/i.exec(this.#text.slice(this.#at, this.#at + 12)) ?? [];
      this.#at += pair.length - 1;
      return bytesOf(JSON.parse(`"${pair}"`) as string);
    }
    if (this.#text.charAt(this.#at + 1) === "u") return this.#refuse("Invalid escape sequence.");
    this.#at++;
    const char = this.#text.charAt(this.#at);
    return ESCAPES[char] ?? char;
  }

  #number(): JsonNumber {
    const [word] = /^-?[\w.+-]*/.exec(this.#text.slice(this.#at))!;
    if (/^-?0[0-9xX]/.test(word)) this.#refuse("Octal/hex numbers are not valid JSON values.");
    if (!Number.isFinite(Number(word))) this.#refuse("Unable to parse number.");
    this.#at += word.length;
    return { number: word };
  }

  #isNext(char: string): boolean {
    return this.#text.charAt(this.#at) === char;
  }

  #skipBlank(): void {
    while (/[\s]/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  /** At the end, `message` alone does not say what is missing. */
  #need(message: string): void {
    this.#skipBlank();
    if (this.#at >= this.#text.length) this.#refuse(message);
  }

  #refuse(message: string): never {
    // The end has no text to show.
    if (this.#at >= this.#text.length) throw new Error(`Unexpected end of string. ${message}\n\n^`);
    throw new Error(`${message}\n${around(this.#text, this.#at)}`);
  }
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
