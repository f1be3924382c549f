/**
 * Parses JSON as Triton's front end does (RapidJSON): bytes → values that keep 64-bit integers and tell 1 from 1.0, or a fault with its text
 * and byte offset. NaN and Infinity are accepted.
 */
import { RuntimeFault } from "../../errors.js";
import { type NumberList, readNumbers } from "./json-numbers.js";

/** A number written as a floating-point literal whose value happens to be whole. Other numbers are plain. */
export class WholeDouble {
  constructor(readonly value: number) {}
}

export type Json = null | boolean | string | number | bigint | WholeDouble | readonly Json[] | NumberList | JsonObject;
/** The first of two equal keys wins. */
export type JsonObject = ReadonlyMap<string, Json>;

const MAX_DEPTH = 1000;
/** Bytes of a document that is decoded as a whole. */
const SMALL = 2048;
const WORDS: readonly (readonly [string, Json])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["Inf", Number.POSITIVE_INFINITY],
];
const [QUOTE, BACKSLASH, MINUS, DOT] = [0x22, 0x5c, 0x2d, 0x2e];

/**
 * @param packed the name of members whose long arrays of numbers become `NumberList`s, at any depth; others never do
 * @throws RuntimeFault
 */
export function parseJson(bytes: Buffer, packed?: string): Json {
  /** Members with that name which this place lies in. */
  let packing = 0;
  let at = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;

  const fail = (text: string, offset = at): never => {
    throw new RuntimeFault("INTERNAL", `failed to parse the request JSON buffer: ${text} at ${offset}`);
  };
  const space = (): void => {
    for (let c = bytes[at]; c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = bytes[++at]);
  };
  const isDigit = (): boolean => bytes[at]! >= 0x30 && bytes[at]! <= 0x39;

  const value = (depth: number): Json => {
    if (depth > MAX_DEPTH) fail("The document is nested too deeply.");
    const c = bytes[at];
    if (c === 0x7b) return object(depth);
    if (c === 0x5b) return array(depth);
    if (c === QUOTE) return text();
    if (c === MINUS || isDigit()) return number();
    return word(1) as Json;
  };

  const object = (depth: number): JsonObject => {
    const members = new Map<string, Json>();
    at++;
    space();
    if (bytes[at] === 0x7d) {
      at++;
      return members;
    }
    for (;;) {
      if (bytes[at] !== QUOTE) fail("Missing a name for object member.");
      const key = text();
      space();
      if (bytes[at] !== 0x3a) fail("Missing a colon after a name of object member.");
      at++;
      space();
      if (key === packed) packing++;
      const member = value(depth + 1);
      if (key === packed) packing--;
      if (!members.has(key)) members.set(key, member);
      space();
      if (bytes[at] === 0x7d) {
        at++;
        return members;
      }
      if (bytes[at] !== 0x2c) fail("Missing a comma or '}' after an object member.");
      at++;
      space();
    }
  };

  const array = (depth: number): readonly Json[] | NumberList => {
    const items: Json[] = [];
    at++;
    space();
    if (bytes[at] === 0x5d) {
      at++;
      return items;
    }
    const doubles: number[] = [];
    const numbers = readNumbers(bytes, at, packing > 0 ? undefined : doubles);
    if (numbers && depth < MAX_DEPTH) {
      at = numbers.end + 1;
      if (packing > 0) return numbers.list;
      const mixed: Json[] = Array.from(numbers.list.values);
      for (const i of doubles) mixed[i] = new WholeDouble(numbers.list.values[i]!);
      return mixed;
    }
    for (;;) {
      items.push(value(depth + 1));
      space();
      if (bytes[at] === 0x5d) {
        at++;
        return items;
      }
      if (bytes[at] !== 0x2c) fail("Missing a comma or ] after an array element.");
      at++;
      space();
    }
  };

  /** A small document as text, each byte a character, so that its plain strings are parts of that: decoding each costs more. */
  const small = bytes.length <= SMALL ? bytes.toString("latin1") : undefined;

  const text = (): string => {
    const start = ++at;
    let pieces = "";
    let from = start;
    let isPlain = small !== undefined;
    for (;;) {
      const c = bytes[at];
      if (c === undefined) fail("Missing a closing quotation mark in string.");
      if (c === QUOTE) {
        const last = isPlain ? small!.slice(from, at) : bytes.toString("utf8", from, at);
        at++;
        return pieces + last;
      }
      if (c === BACKSLASH) {
        pieces += bytes.toString("utf8", from, at) + escaped();
        from = at;
      } else if (c! < 0x20)
        fail(c === 0 ? "Missing a closing quotation mark in string." : "Invalid escape character in string.");
      else {
        if (c! > 0x7f) isPlain = false;
        at++;
      }
    }
  };

  const escaped = (): string => {
    const start = at++;
    const c = String.fromCharCode(bytes[at++] ?? 0);
    const simple = ESCAPES[c];
    if (simple !== undefined) return simple;
    if (c !== "u") fail("Invalid escape character in string.", start);
    const high = hex4(start);
    if (high < 0xd800 || high > 0xdfff) return String.fromCharCode(high);
    if (high > 0xdbff || bytes[at] !== BACKSLASH || bytes[at + 1] !== 0x75)
      fail("The surrogate pair in string is invalid.", start);
    at += 2;
    const low = hex4(start);
    if (low < 0xdc00 || low > 0xdfff) fail("The surrogate pair in string is invalid.", start);
    return String.fromCharCode(high, low);
  };
  const hex4 = (start: number): number => {
    const digits = bytes.toString("latin1", at, at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) fail("Incorrect hex digit after \\u escape in string.", start);
    at += 4;
    return Number.parseInt(digits, 16);
  };

  const number = (): Json => {
    const start = at;
    const negative = bytes[at] === MINUS;
    if (negative) at++;
    if (bytes[at] === 0x49 || bytes[at] === 0x4e) return word(negative ? -1 : 1) as Json;
    if (!isDigit()) fail("Invalid value.");
    let whole = 0;
    if (bytes[at] === 0x30) at++;
    else for (; isDigit(); at++) whole = whole * 10 + bytes[at]! - 0x30;
    let double = false;
    if (bytes[at] === DOT) {
      double = true;
      at++;
      if (!isDigit()) fail("Miss fraction part in number.");
      while (isDigit()) at++;
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      double = true;
      at++;
      if (bytes[at] === MINUS || bytes[at] === 0x2b) at++;
      if (!isDigit()) fail("Miss exponent in number.");
      while (isDigit()) at++;
    }
    if (!double && whole <= Number.MAX_SAFE_INTEGER) return negative ? 0 - whole : whole;
    const literal = bytes.toString("latin1", start, at);
    // Longer than any 64-bit integer: making one of a million digits would take seconds.
    if (!double && literal.length <= 20) {
      const exact = BigInt(literal);
      if (exact < 2n ** 64n && exact >= -(2n ** 63n)) return exact;
    }
    const approximate = Number(literal);
    if (!Number.isFinite(approximate)) fail("Number too big to be stored in double.", start);
    return Number.isInteger(approximate) ? new WholeDouble(approximate) : approximate;
  };

  /** A literal word; the offset of a fault is where it stops matching. */
  const word = (sign: number): Json => {
    const known = WORDS.filter(([name]) => name.charCodeAt(0) === bytes[at]);
    for (const [name, meaning] of known)
      if (bytes.toString("latin1", at, at + name.length) === name) {
        at += name.length;
        return typeof meaning === "number" ? sign * meaning : meaning;
      }
    const [name] = known[0] ?? [""];
    for (let i = 0; i < name.length && bytes[at] === name.charCodeAt(i); i++) at++;
    return fail("Invalid value.");
  };

  space();
  if (at >= bytes.length || (bytes.length === 1 && (bytes[at] === 0x7d || bytes[at] === 0x5d)))
    fail("The document is empty.");
  const root = value(0);
  space();
  if (at < bytes.length) fail("The document root must not be followed by other values.");
  return root;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
