/**
 * Protobuf text format without a message type: text → fields by name, in their order. For messages whose `Any` may be written out, which
 * typed readers do not follow.
 */
export type TextValue = string | TextMessage;
export interface TextMessage {
  readonly [field: string]: readonly TextValue[];
}

/** A text that does not follow the format; the message says where. */
export class TextFormatError extends Error {
  override readonly name = "TextFormatError";
}

/** Messages inside messages, as protobuf's own readers limit them. */
const MAX_DEPTH = 100;

const TOKEN = /\s+|#[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\[[\w./-]+\]|[-+\w.]+|[{}<>:;,[\]]/y;

/** Strings keep their bytes: one character is one byte, decoded by `utf8Of`. */
export function parseTextMessage(text: string): TextMessage {
  const tokens: { token: string; at: number }[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw fault(text, at, `\`${text[at]}\` does not belong here`);
    if (!/^[\s#]/.test(match[0])) tokens.push({ token: match[0], at });
  }
  let next = 0;
  const peek = () => tokens[next]?.token;
  const wrong = (what: string) =>
    fault(
      text,
      tokens[next]?.at ?? text.length,
      `${what}, but found ${peek() === undefined ? "the end" : `\`${peek()}\``}`,
    );
  let depth = 0;
  const fields = (close: string | undefined): TextMessage => {
    if (++depth > MAX_DEPTH) throw wrong(`expected at most ${MAX_DEPTH} messages inside each other`);
    const found: { [field: string]: TextValue[] } = Object.create(null);
    while (peek() !== close) {
      const name = peek();
      if (name === undefined || !/^(?:\w|\[.)/.test(name)) throw wrong("expected a field name");
      next++;
      if (peek() === ":") next++;
      const into = found[name] ?? [];
      found[name] = into;
      if (peek()?.startsWith("[")) list(into);
      else into.push(value());
      if (peek() === "," || peek() === ";") next++;
    }
    next++;
    depth--;
    return found;
  };
  const list = (into: TextValue[]): void => {
    // A list of one plain value looks like the name of an extension.
    const [, only] = /^\[([^/]+)\]$/.exec(peek()!) ?? [];
    if (only !== undefined) {
      next++;
      into.push(only);
      return;
    }
    if (peek() !== "[") throw wrong("expected a value");
    next++;
    while (peek() !== "]") {
      into.push(value());
      if (peek() === ",") next++;
    }
    next++;
  };
  const value = (): TextValue => {
    const token = peek();
    if (token === undefined || /^[}>:;,[\]]/.test(token)) throw wrong("expected a value");
    next++;
    if (token === "{") return fields("}");
    if (token === "<") return fields(">");
    if (!/^["']/.test(token)) return token;
    let joined = unquote(token);
    while (/^["']/.test(peek() ?? "")) joined += unquote(tokens[next++]!.token);
    return joined;
  };
  return fields(undefined);
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b", f: "\f", v: "\v" };

const unquote = (token: string): string =>
  byteText(token.slice(1, -1)).replace(/\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))/gs, (_, octal, hex, plain) =>
    octal
      ? String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
      : hex
        ? String.fromCharCode(Number.parseInt(hex, 16))
        : (ESCAPES[plain] ?? plain),
  );

/** Text as its UTF-8 bytes, one character each; and back. */
const byteText = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
export const bytesOf = (byteText: string): Uint8Array => Buffer.from(byteText, "latin1");
export const utf8Of = (byteText: string): string => Buffer.from(byteText, "latin1").toString("utf8");

/** Bytes as a quoted string, in the escapes that protobuf itself prints. */
export const quoteBytes = (bytes: Uint8Array): string =>
  `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("latin1")
    .replace(/["'\\]|[^ -~]/g, escaped)}"`;

const PRINTED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const escaped = (byte: string): string =>
  PRINTED[byte] ?? (byte >= " " && byte <= "~" ? `\\${byte}` : `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`);

function fault(text: string, at: number, what: string): TextFormatError {
  const before = text.slice(0, at).split("\n");
  return new TextFormatError(`line ${before.length}, column ${before.at(-1)!.length + 1}: ${what}.`);
}
