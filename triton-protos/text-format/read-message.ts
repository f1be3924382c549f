/**
 * Protobuf text format → fields of a message. Accepts and refuses what libprotobuf's parser does, with its words and positions. These are
 * often of the token after the wrong one, since it has already read on; the position of the fault is reported beside it.
 */
import type { FieldShape, Shape } from "../message-shape.js";
import { type Complaint, Tokens, unquote } from "./tokens.js";

/** A text that is not such a message. */
export class TextFault extends Error {
  /**
   * @param at byte of the text
   * @param reason what is wrong there
   * @param complaints what libprotobuf says, in order; nothing where it takes the text and we do not
   */
  constructor(
    readonly at: number,
    readonly reason: string,
    readonly complaints: readonly Complaint[],
  ) {
    super(reason);
  }
}

type Fields = Record<string, unknown>;

/**
 * @param bytes one character each
 * @returns a plain object without the fields that are not set; integers of 64 bits are bigint
 * @throws TextFault
 */
export function readTextMessage(shape: Shape, bytes: string): Fields {
  const tokens = new Tokens(bytes);
  const message = new MessageReader(tokens).readAll(shape);
  // A complaint of the tokenizer alone does not stop the reader, and still makes the text bad.
  const [first] = tokens.complaints;
  if (first) throw new TextFault(tokens.firstFault!, first.message, tokens.complaints);
  return message;
}

class MessageReader {
  constructor(readonly tokens: Tokens) {}

  readAll(shape: Shape): Fields {
    const message: Fields = {};
    while (this.tokens.current.kind !== "end") this.#field(shape, message);
    return message;
  }

  /** Complains at the current token. @param at where the fault is, if elsewhere */
  #refuse(message: string, reason = message, at = this.tokens.current.at): never {
    const { complaints, firstFault, current } = this.tokens;
    const [earlier] = complaints;
    this.tokens.complain(message, current);
    throw new TextFault(firstFault ?? at, earlier?.message ?? reason, complaints);
  }

  #take(text: string): boolean {
    if (this.tokens.current.text !== text) return false;
    this.tokens.next();
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#refuse(`Expected "${text}", found "${this.tokens.current.text}".`);
  }

  #identifier(): string {
    const { kind, text } = this.tokens.current;
    if (kind !== "identifier") this.#refuse(`Expected identifier, got: ${text}`);
    this.tokens.next();
    return text;
  }

  #message(shape: Shape): Fields {
    const close = this.#take("<") ? ">" : "}";
    if (close === "}") this.#expect("{");
    const message: Fields = {};
    while (this.tokens.current.text !== ">" && this.tokens.current.text !== "}") this.#field(shape, message);
    this.#expect(close);
    return message;
  }

  #field(shape: Shape, message: Fields): void {
    const { at } = this.tokens.current;
    if (this.#take("[")) this.#refuseExtension(shape);
    const name = this.#identifier();
    const field = shape.fields.get(name);
    if (!field)
      this.#refuse(
        `Message type "${shape.name}" has no field named "${name}".`,
        `${shape.name.replace(/^.*\./, "")} has no field \`${name}\`; correct the name or remove the line`,
        at,
      );
    if (!field.repeated) this.#refuseSecond(field, shape, message, at);
    if (field.message) this.#take(":");
    else this.#expect(":");
    if (field.repeated && this.#take("[")) {
      if (!this.#take("]"))
        for (;;) {
          this.#add(field, message);
          if (this.#take("]")) break;
          this.#expect(",");
        }
    } else this.#add(field, message);
    if (!this.#take(";")) this.#take(",");
  }

  /** Reads one value into its message. */
  #add(field: FieldShape, message: Fields): void {
    const value = field.message ? this.#message(field.message) : this.#scalar(field);
    if (!field.repeated) message[field.name] = value;
    else if (!field.isMap) {
      message[field.name] ??= [];
      (message[field.name] as unknown[]).push(value);
    } else {
      message[field.name] ??= Object.create(null);
      const entry = value as Fields;
      const { key, value: item } = { ...entryDefaults(field.message!), ...entry };
      (message[field.name] as Fields)[String(key)] = item;
    }
  }

  #refuseExtension({ name: message }: Shape): never {
    const at = this.tokens.current.at;
    let name = this.#identifier();
    while (this.#take(".")) name += `.${this.#identifier()}`;
    this.#expect("]");
    const text = `Extension "${name}" is not defined or is not an extension of "${message}".`;
    return this.#refuse(text, text, at);
  }

  /** A field that is not a list is written once, and of a oneof one member. */
  #refuseSecond(field: FieldShape, { fields }: Shape, message: Fields, at: number): void {
    const { name, oneof } = field;
    if (isSet(field, message))
      this.#refuse(
        `Non-repeated field "${name}" is specified multiple times.`,
        `\`${name}\` is set a second time; remove one of the two`,
        at,
      );
    const other = oneof?.members.find(member => isSet(fields.get(member)!, message));
    if (oneof && other !== undefined)
      this.#refuse(
        `Field "${name}" is specified along with field "${other}", another member of oneof "${oneof.name}".`,
        `\`${name}\` and \`${other}\` exclude each other; remove one of the two`,
        at,
      );
  }

  #scalar(field: FieldShape): unknown {
    if (field.enum) return this.#enumValue(field.name, field.enum.numbers);
    switch (field.scalar) {
      case "string":
        return this.#string(field.name);
      case "bytes":
        return Buffer.from(this.#strings(), "latin1");
      case "bool":
        return this.#boolean(field.name);
      case "float":
      case "double":
        return this.#double();
      default:
        return this.#integer(field.scalar);
    }
  }

  #strings(): string {
    if (this.tokens.current.kind !== "string") this.#refuse(`Expected string, got: ${this.tokens.current.text}`);
    let bytes = "";
    for (; this.tokens.current.kind === "string"; this.tokens.next()) bytes += unquote(this.tokens.current.text);
    return bytes;
  }

  #string(name: string): string {
    const { at } = this.tokens.current;
    const bytes = Buffer.from(this.#strings(), "latin1");
    const text = bytes.toString("utf8");
    if (!Buffer.from(text).equals(bytes)) throw new TextFault(at, `\`${name}\` is no UTF-8 text`, []);
    return text;
  }

  #boolean(name: string): boolean {
    const { at, kind } = this.tokens.current;
    if (kind === "integer") return this.#unsigned(1n) === 1n;
    const word = this.#identifier();
    const value = BOOLEANS.get(word);
    if (value !== undefined) return value;
    const text = `Invalid value for boolean field "${name}". Value: "${word}".`;
    return this.#refuse(text, `\`${name}\` is true or false, not \`${word}\``, at);
  }

  #enumValue(name: string, values: Readonly<Record<string, number>>): number {
    const { at, kind, text } = this.tokens.current;
    if (text === "-" || kind === "integer") return Number(this.#integer("int32"));
    if (kind !== "identifier") this.#refuse(`Expected integer or identifier, got: ${text}`);
    this.tokens.next();
    if (Object.hasOwn(values, text)) return values[text]!;
    return this.#refuse(
      `Unknown enumeration value of "${text}" for field "${name}".`,
      `\`${text}\` is not a value of \`${name}\`: ${Object.keys(values).join(", ")}`,
      at,
    );
  }

  #integer(type: string): bigint | number {
    const bits = type.endsWith("64") ? 64 : 32;
    const signed = !/^(?:u|fixed)/.test(type);
    const most = (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
    const negative = signed && this.#take("-");
    const size = this.#unsigned(negative ? most + 1n : most);
    const value = negative ? -size : size;
    return bits === 64 ? value : Number(value);
  }

  #unsigned(most: bigint): bigint {
    const { kind, text } = this.tokens.current;
    if (kind !== "integer") this.#refuse(`Expected integer, got: ${text}`);
    const value = toInteger(text);
    if (value === undefined || value > most) return this.#refuse(`Integer out of range (${text})`);
    this.tokens.next();
    return value;
  }

  #double(): number {
    const sign = this.#take("-") ? -1 : 1;
    const { kind, text } = this.tokens.current;
    const word = text.toLowerCase();
    const size = kind === "identifier" ? WORDS.get(word) : Number.parseFloat(text);
    if (size === undefined) return this.#refuse(`Expected double, got: ${word}`);
    if (kind === "string" || kind === "symbol" || kind === "end") return this.#refuse(`Expected double, got: ${text}`);
    if (kind === "integer" && /^0[xX0-7]/.test(text)) return this.#refuse(`Expect a decimal number, got: ${text}`);
    this.tokens.next();
    return sign * size;
  }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["true", "True", "t"].map(word => [word, true] as const),
  ...["false", "False", "f"].map(word => [word, false] as const),
]);
const WORDS: ReadonlyMap<string, number> = new Map([
  ["inf", Number.POSITIVE_INFINITY],
  ["infinity", Number.POSITIVE_INFINITY],
  ["nan", Number.NaN],
]);

/** Decimal, `0x` or a leading zero for octal; nothing where a digit does not fit the base. A bare `0x` was complained about, and is 0. */
function toInteger(text: string): bigint | undefined {
  if (/^0[xX]$/.test(text)) return 0n;
  const literal = /^0\d/.test(text) ? `0o${text.slice(1)}` : text;
  return /^(?:0o[0-7]+|0[xX][0-9a-fA-F]+|\d+)$/.test(literal) ? BigInt(literal) : undefined;
}

/** As libprotobuf sees it: a number that is written as its default counts as not written. */
function isSet({ name, message: nested, oneof }: FieldShape, message: Fields): boolean {
  const value = message[name];
  if (value === undefined) return false;
  if (nested || oneof) return true;
  return value instanceof Uint8Array ? value.length > 0 : Boolean(value);
}

/** The defaults of a map's entry without its key or its value. */
function entryDefaults({ fields }: Shape): Fields {
  const [key, value] = [fields.get("key")!, fields.get("value")!].map(({ message, scalar }) =>
    message ? {} : scalar === "string" ? "" : scalar === "bool" ? false : 0,
  );
  return { key, value };
}
