/**
 * A chunked body (RFC 9112 §7.1) → its bytes. Extensions and trailers are checked, bounded and left out.
 */
import { refuse } from "./fault.js";
import { readField } from "./fields.js";

/** Takes bytes of the body. */
export type TakeBytes = (bytes: Buffer, start: number, end: number) => void;

const [CR, LF, SEMICOLON, EQUALS, QUOTE, BACKSLASH] = [0x0d, 0x0a, 0x3b, 0x3d, 0x22, 0x5c];
const [TAB, SPACE, DELETE] = [0x09, 0x20, 0x7f];
/** Leading zeros count. */
const MAX_DIGITS = 32;
/** Headers that would frame the body otherwise. */
const FRAMING = /^(?:content-length|transfer-encoding)$/i;

/** An extension is `;name`, `;name=token` or `;name="text"`, without blanks; the last two states of it are after a backslash, and after the closing quote. */
type Extension = "name-begin" | "name" | "value-begin" | "value" | "quoted" | "escaped" | "quoted-end";
type State = "size" | Extension | "size-lf" | "data" | "data-cr" | "data-lf" | "trailer" | "done";

export class ChunkReader {
  readonly #max: number;
  #state: State = "size";
  /** In the current chunk: its size as far as read, then the remaining bytes. */
  #left = 0;
  #digits = 0;
  /** Bytes of extensions and trailers so far. */
  #beside = 0;
  #line = "";

  /** @param max bytes of extensions, and of trailers */
  constructor(max: number) {
    this.#max = max;
  }

  /** The last chunk and the trailers have arrived. */
  get done(): boolean {
    return this.#state === "done";
  }

  /** @returns the place after what was read, which is before the end only when the body is done @throws BadRequest */
  read(bytes: Buffer, from: number, take: TakeBytes): number {
    let at = from;
    while (at < bytes.length && this.#state !== "done") {
      if (this.#state === "size" && this.#digits === 0) {
        const end = readWhole(bytes, at, take);
        if (end > at) {
          at = end;
          continue;
        }
      }
      if (this.#state === "data") {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        if (this.#left === 0) this.#state = "data-cr";
        take(bytes, at, end);
        at = end;
      } else if (this.#state === "trailer") at = this.#trailer(bytes, at);
      else this.#step(bytes[at++]!);
    }
    return at;
  }

  #step(c: number): void {
    switch (this.#state) {
      case "size": {
        const digit = HEX[c]!;
        if (digit >= 0) {
          if (++this.#digits > MAX_DIGITS || this.#left > 2 ** 48) refuse("the size of a chunk is no number of bytes");
          this.#left = this.#left * 16 + digit;
        } else if (this.#digits === 0) refuse("a chunk begins without its size");
        else if (c === CR) this.#state = "size-lf";
        else if (c === SEMICOLON) this.#state = "name-begin";
        else refuse("the size of a chunk is followed by neither CR LF nor an extension");
        return;
      }
      case "size-lf":
        expectByte(c, LF);
        this.#state = this.#left > 0 ? "data" : "trailer";
        if (this.#left === 0) this.#beside = 0;
        return;
      case "data-cr":
        expectByte(c, CR);
        this.#state = "data-lf";
        return;
      case "data-lf":
        expectByte(c, LF);
        this.#digits = 0;
        this.#state = "size";
        return;
      default:
        this.#state = this.#extension(this.#state as Extension, c);
    }
  }

  /** @returns the state after a byte of an extension (RFC 9112 §7.1.1) @throws BadRequest */
  #extension(state: Extension, c: number): State {
    this.#count(1);
    if (state === "escaped" || state === "quoted") {
      if ((c < SPACE && c !== TAB) || c === DELETE) refuse("the extension of a chunk holds control characters");
      if (state === "escaped" || (c !== BACKSLASH && c !== QUOTE)) return "quoted";
      return c === QUOTE ? "quoted-end" : "escaped";
    }
    if (TOKEN[c] && state !== "quoted-end")
      return state === "name-begin" ? "name" : state === "value-begin" ? "value" : state;
    if (state === "value-begin" && c === QUOTE) return "quoted";
    if (state !== "name-begin" && state !== "value-begin") {
      if (c === CR) return "size-lf";
      if (c === SEMICOLON) return "name-begin";
      if (c === EQUALS && state === "name") return "value-begin";
    }
    return refuse("a chunk's extension is neither a name nor name=value");
  }

  #trailer(bytes: Buffer, from: number): number {
    const found = bytes.indexOf(LF, from);
    const end = found < 0 ? bytes.length : found + 1;
    this.#count(end - from);
    this.#line += bytes.toString("latin1", from, end);
    if (found < 0) return end;
    if (!this.#line.endsWith("\r\n")) refuse("a trailer does not end in CR LF");
    const line = this.#line.slice(0, -2);
    this.#line = "";
    if (line === "") this.#state = "done";
    else if (FRAMING.test(readField(line)[0])) refuse("a trailer that frames the body");
    return end;
  }

  #count(bytes: number): void {
    this.#beside += bytes;
    if (this.#beside > this.#max) refuse(`more than ${this.#max} bytes beside the chunks of a body`);
  }
}

/** Digits of a size beyond all reads of a socket. */
const MANY_DIGITS = 6;

/**
 * Reads a chunk that is whole and has no extensions, as nearly all. A million small ones would else take a step for each byte.
 * @returns the place after it; `from` for any other, also for the last
 */
function readWhole(bytes: Buffer, from: number, take: TakeBytes): number {
  let at = from;
  let size = 0;
  for (const most = from + MANY_DIGITS; at < most; at++) {
    const digit = HEX[bytes[at]!] ?? -1;
    if (digit < 0) break;
    size = size * 16 + digit;
  }
  if (size === 0 || bytes[at] !== CR || bytes[at + 1] !== LF) return from;
  const start = at + 2;
  const end = start + size;
  if (bytes[end] !== CR || bytes[end + 1] !== LF) return from;
  take(bytes, start, end);
  return end + 2;
}

function expectByte(c: number, expected: number): void {
  if (c !== expected) refuse("a chunk, or its size, does not end in CR LF");
}

/** Whether a byte may be in a name. */
const TOKEN = Uint8Array.from({ length: 256 }, (_, c) =>
  Number(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(c))),
);
/** The value of each hexadecimal digit; -1 for other bytes. */
const HEX = Int8Array.from({ length: 256 }, (_, c) => {
  const digit = Number.parseInt(String.fromCharCode(c), 16);
  return Number.isNaN(digit) ? -1 : digit;
});
