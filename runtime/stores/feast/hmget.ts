/**
 * Many HMGETs of the same fields as one buffer, and their replies as offsets in one buffer. 100 keys of 11
 * fields take 0.1 ms of CPU time. A pipeline of ioredis, with an object for each command and each value, takes 1.3 ms.
 */

const [STAR, DOLLAR, MINUS, CR, LF, ZERO] = [42, 36, 45, 13, 10, 48];

/** @returns one command for each key */
export function encodeHmgets(keys: readonly Uint8Array[], fields: readonly Uint8Array[]): Buffer {
  const head = Buffer.from(`*${2 + fields.length}\r\n$5\r\nHMGET\r\n$`);
  const crlf = Buffer.from("\r\n");
  const tail = Buffer.concat([...fields.flatMap(field => [Buffer.from(`\r\n$${field.length}\r\n`), field]), crlf]);
  const lengths = new Map<number, Buffer>();
  const lengthOf = (length: number): Buffer => {
    let text = lengths.get(length);
    if (!text) {
      text = Buffer.from(`${length}\r\n`);
      lengths.set(length, text);
    }
    return text;
  };
  let size = keys.length * (head.length + tail.length);
  for (const key of keys) size += lengthOf(key.length).length + key.length;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const key of keys)
    for (const part of [head, lengthOf(key.length), key, tail]) {
      bytes.set(part, at);
      at += part.length;
    }
  return bytes;
}

/** Replies to HMGETs of the same fields. */
export interface HashReplies {
  readonly bytes: Buffer;
  /** Start and end of each value in `bytes`, key by key and field by field; the start is -1 where there is none. */
  readonly places: Int32Array;
  /** The keys whose reply is an error. */
  readonly errors: ReadonlyMap<number, string>;
}

/** Bytes that are not the replies to these commands. */
export class MalformedReply extends Error {}

/** Redis's own limit for one value. */
const MOST_BYTES = 512 << 20;
/** Lines are numbers, or errors of a sentence; a partial one is read again when more of it arrives. */
const LONGEST_LINE = 4096;

export interface HashReplyReader {
  /** @returns how many of the bytes belong to these replies @throws MalformedReply */
  take(chunk: Buffer): number;
  /** The replies, once all are there. */
  readonly replies: HashReplies | undefined;
}

/** Reads the replies to `keys` commands in any pieces. @param mostBytes that they may have together */
export const hashReplyReader = (keys: number, fields: number, mostBytes = MOST_BYTES): HashReplyReader =>
  new ReplyReader(keys, fields, mostBytes);

class ReplyReader implements HashReplyReader {
  readonly #keys: number;
  readonly #fields: number;
  readonly #mostBytes: number;
  readonly #places: Int32Array;
  readonly #errors = new Map<number, string>();
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;
  /** The start of the next token: bytes before it are not read again. */
  #at = 0;
  #reply = 0;
  /** The next value of the reply; -1 before its head. */
  #field = -1;
  /** The result of `#readNumber`. */
  #number = 0;

  constructor(keys: number, fields: number, mostBytes: number) {
    this.#keys = keys;
    this.#fields = fields;
    this.#mostBytes = mostBytes;
    this.#places = new Int32Array(2 * keys * fields);
  }

  take(chunk: Buffer): number {
    const before = this.#length;
    this.#append(chunk);
    while (this.#reply < this.#keys && this.#at < this.#length)
      if (!(this.#field < 0 ? this.#readHead() : this.#readValue())) break;
    return this.#reply === this.#keys ? this.#at - before : chunk.length;
  }

  get replies(): HashReplies | undefined {
    return this.#reply === this.#keys ? { bytes: this.#bytes, places: this.#places, errors: this.#errors } : undefined;
  }

  #append(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (length > this.#mostBytes)
      throw new MalformedReply(`the replies to one request have more than ${this.#mostBytes} bytes`);
    if (this.#length === 0) this.#bytes = chunk;
    else {
      if (length > this.#bytes.length) {
        const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length));
        larger.set(this.#bytes.subarray(0, this.#length));
        this.#bytes = larger;
      }
      this.#bytes.set(chunk, this.#length);
    }
    this.#length = length;
  }

  /** The number of a reply's values, or its error. @returns whether all of it has arrived */
  #readHead(): boolean {
    const isError = this.#bytes[this.#at] === MINUS;
    const next = isError ? this.#readError() : this.#readNumber(STAR, "a reply");
    if (next < 0) return false;
    if (!isError && this.#number !== this.#fields)
      throw new MalformedReply(`a reply has ${this.#number} values of ${this.#fields}`);
    this.#at = next;
    if (isError) this.#reply++;
    else this.#field = 0;
    return true;
  }

  /** @returns whether all of it has arrived */
  #readValue(): boolean {
    const start = this.#readNumber(DOLLAR, "a value");
    if (start < 0) return false;
    const size = this.#number;
    if (size < -1 || size > this.#mostBytes) throw new MalformedReply(`a value has ${size} bytes`);
    const place = 2 * (this.#reply * this.#fields + this.#field);
    if (size < 0) {
      this.#places[place] = -1;
      this.#at = start;
    } else {
      const end = start + size;
      if (end + 2 > this.#length) return false;
      if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF)
        throw new MalformedReply(`a value does not end after ${size} bytes`);
      this.#places[place] = start;
      this.#places[place + 1] = end;
      this.#at = end + 2;
    }
    if (++this.#field === this.#fields) {
      this.#field = -1;
      this.#reply++;
    }
    return true;
  }

  /** Reads the number of the token at hand. @returns where its line ends; -1 where that has not arrived */
  #readNumber(kind: number, what: string): number {
    const bytes = this.#bytes;
    const length = this.#length;
    let from = this.#at;
    if (bytes[from] !== kind) throw new MalformedReply(`${what} begins with byte ${bytes[from]}`);
    const isNegative = bytes[++from] === MINUS;
    if (isNegative) from++;
    let number = 0;
    for (let i = from; i < length; i++) {
      const digit = bytes[i]! - ZERO;
      if (digit >= 0 && digit <= 9 && i - from < 10) {
        number = 10 * number + digit;
        continue;
      }
      const isNumber = i > from && !(isNegative && number === 0);
      if (bytes[i] !== CR || !isNumber || (i + 1 < length && bytes[i + 1] !== LF))
        throw new MalformedReply(`${what} has a length that is not a number`);
      this.#number = isNegative ? -number : number;
      return i + 1 < length ? i + 2 : -1;
    }
    return -1;
  }

  /** @returns where the error ends; -1 where that has not arrived */
  #readError(): number {
    const end = this.#bytes.subarray(0, this.#length).indexOf(LF, this.#at);
    if ((end < 0 ? this.#length : end) - this.#at > LONGEST_LINE) throw new MalformedReply("an error has no end");
    if (end < 0) return -1;
    this.#errors.set(this.#reply, this.#bytes.toString("utf8", this.#at + 1, end).trimEnd());
    this.#places.fill(-1, 2 * this.#reply * this.#fields, 2 * (this.#reply + 1) * this.#fields);
    return end + 1;
  }
}
