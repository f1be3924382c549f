/**
 * Protobuf text format → tokens, with the complaints and the positions of libprotobuf's tokenizer. It continues after a complaint, so one
 * text may have several faults. A text is its bytes, one character each.
 */
export type TokenKind = "identifier" | "integer" | "float" | "string" | "symbol" | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** From 1; a tab advances to the next multiple of eight, and every byte counts. */
  readonly line: number;
  readonly column: number;
  /** Byte at which it begins. */
  readonly at: number;
}

/** A complaint of libprotobuf about a text, at its own position. */
export interface Complaint {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** A text of control characters would have one for each. */
const MAX_COMPLAINTS = 100;
const TAB = 8;

const SPACE = /[ \t\n\v\f\r]/;
const LETTER = /[A-Za-z_]/;
const WORD = /[A-Za-z0-9_]/;
const DIGIT = /[0-9]/;
const OCTAL = /[0-7]/;
const HEX = /[0-9A-Fa-f]/;
const isControl = (char: string): boolean => char !== "" && char < " ";
const ESCAPE = /[abfnrtv\\?'"]/;

export class Tokens {
  readonly complaints: Complaint[] = [];
  /** Byte of the first thing that the tokenizer complained about. */
  firstFault: number | undefined;
  current: Token;
  #at = 0;
  #line = 1;
  #column = 1;

  constructor(readonly bytes: string) {
    this.current = this.#read();
  }

  next(): void {
    this.current = this.#read();
  }

  complain(message: string, { line, column }: Pick<Complaint, "line" | "column">): void {
    if (this.complaints.length < MAX_COMPLAINTS) this.complaints.push({ line, column, message });
  }

  get #char(): string {
    return this.bytes.charAt(this.#at);
  }

  #fault(message: string): void {
    this.firstFault ??= Math.min(this.#at, this.bytes.length);
    this.complain(message, { line: this.#line, column: this.#column });
  }

  #step(): void {
    const char = this.#char;
    if (char === "\n") {
      this.#line++;
      this.#column = 1;
    } else this.#column += char === "\t" ? TAB - ((this.#column - 1) % TAB) : 1;
    this.#at++;
  }

  #take(kind: RegExp): boolean {
    if (!this.#char || !kind.test(this.#char)) return false;
    this.#step();
    return true;
  }

  #takeAll(kind: RegExp): void {
    while (this.#take(kind));
  }

  #read(): Token {
    this.#skip();
    const [at, line, column] = [this.#at, this.#line, this.#column];
    const kind = this.#char ? this.#token() : "end";
    return { kind, text: this.bytes.slice(at, this.#at), line, column, at };
  }

  /** White space, comments, and control characters, which are a fault. */
  #skip(): void {
    for (;;) {
      this.#takeAll(SPACE);
      if (this.#char === "#") this.#takeAll(/[^\n]/);
      else if (isControl(this.#char)) {
        this.#fault("Invalid control characters encountered in text.");
        while (isControl(this.#char)) this.#step();
      } else return;
    }
  }

  #token(): TokenKind {
    const first = this.#char;
    if (this.#take(LETTER)) {
      this.#takeAll(WORD);
      return "identifier";
    }
    if (first === "." && DIGIT.test(this.bytes[this.#at + 1] ?? "")) {
      const before = this.current;
      if (before?.kind === "identifier" && before.at + before.text.length === this.#at)
        this.#fault("Need space between identifier and decimal point.");
      this.#step();
      return this.#number(first);
    }
    if (this.#take(DIGIT)) return this.#number(first);
    if (first === '"' || first === "'") {
      this.#step();
      this.#string(first);
      return "string";
    }
    if (first >= "\x80") this.#fault(`Interpreting non ascii codepoint ${first.charCodeAt(0)}.`);
    this.#step();
    return "symbol";
  }

  /** @param first the character that was taken */
  #number(first: string): "integer" | "float" {
    let float = first === ".";
    if (first === "0" && this.#take(/[xX]/)) {
      if (!this.#take(HEX)) this.#fault('"0x" must be followed by hex digits.');
      this.#takeAll(HEX);
    } else if (first === "0" && DIGIT.test(this.#char)) {
      this.#takeAll(OCTAL);
      if (DIGIT.test(this.#char)) this.#fault("Numbers starting with leading zero must be in octal.");
      this.#takeAll(DIGIT);
    } else {
      this.#takeAll(DIGIT);
      if (!float && this.#take(/\./)) {
        float = true;
        this.#takeAll(DIGIT);
      }
      if (this.#take(/[eE]/)) {
        float = true;
        this.#take(/[-+]/);
        if (!this.#take(DIGIT)) this.#fault('"e" must be followed by exponent.');
        this.#takeAll(DIGIT);
      }
      if (this.#take(/[fF]/)) float = true;
    }
    if (LETTER.test(this.#char)) this.#fault("Need space between number and identifier.");
    else if (this.#char === ".")
      this.#fault(
        float
          ? "Already saw decimal point or exponent; can't have another one."
          : "Hex and octal numbers must be integers.",
      );
    return float ? "float" : "integer";
  }

  #string(quote: string): void {
    for (;;) {
      const char = this.#char;
      if (char === "" || char === "\0" || char === "\n") {
        this.#fault(char === "\n" ? "String literals cannot cross line boundaries." : "Unexpected end of string.");
        return;
      }
      this.#step();
      if (char === quote) return;
      if (char === "\\") this.#escape();
    }
  }

  #escape(): void {
    if (this.#take(ESCAPE) || this.#take(OCTAL)) return;
    const hex = (most: number): boolean => Array.from({ length: most }).every(() => this.#take(HEX));
    if (this.#take(/[xX]/)) {
      if (!hex(1)) this.#fault("Expected hex digits for escape sequence.");
    } else if (this.#take(/u/)) {
      if (!hex(4)) this.#fault("Expected four hex digits for \\u escape sequence.");
    } else if (this.#take(/U/)) {
      if (!(this.#take(/0/) && this.#take(/0/) && this.#take(/[01]/) && hex(5)))
        this.#fault("Expected eight hex digits up to 10ffff for \\U escape sequence");
    } else this.#fault("Invalid escape sequence in string literal.");
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** One character a byte, and back. */
export const bytesOf = (text: string | Uint8Array): string => Buffer.from(text as string).toString("latin1");

/** Escapes of a string; those of two halves of one character are adjacent. */
const ESCAPED = /(?:\\u[0-9a-fA-F]{4})+|\\U([0-9a-fA-F]{8})|\\([0-7]{1,3})|\\[xX]([0-9a-fA-F]{1,2})|\\([\s\S])/g;

/** The bytes that a string token stands for; a token that was complained about gives what can be read of it. */
export function unquote(token: string): string {
  const end = token.length > 1 && token.endsWith(token[0]!) ? token.length - 1 : token.length;
  return token.slice(1, end).replace(ESCAPED, (written, long, octal, hex, plain) => {
    if (octal) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
    if (hex) return String.fromCharCode(Number.parseInt(hex, 16));
    if (plain) return ESCAPES[plain] ?? (ESCAPE.test(plain) ? plain : "?");
    if (!long) return bytesOf(JSON.parse(`"${written}"`) as string);
    const code = Number.parseInt(long, 16);
    return code > 0x10ffff ? "?" : bytesOf(String.fromCodePoint(code));
  });
}
