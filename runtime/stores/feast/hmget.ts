/**
 * Many HMGETs of the same fields as one buffer, and their replies as places in one buffer: an object for each command and each value costs ten times what the
 * server takes for them.
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
export function hashReplyReader(keys: number, fields: number, mostBytes = MOST_BYTES): HashReplyReader {
  const places = new Int32Array(2 * keys * fields);
  const errors = new Map<number, string>();
  let bytes: Buffer = Buffer.alloc(0);
  let length = 0;
  /** Where the next token begins: what is before it is not read again. */
  let at = 0;
  let reply = 0;
  /** The next value of the reply; -1 before its head. */
  let field = -1;
  let number = 0;

  /** Reads the number of the token at `at`. @returns where its line ends; -1 where that has not arrived */
  const readNumber = (kind: number, what: string): number => {
    if (bytes[at] !== kind) throw new MalformedReply(`${what} begins with byte ${bytes[at]}`);
    let from = at + 1;
    const negative = bytes[from] === MINUS;
    if (negative) from++;
    number = 0;
    for (let i = from; i < length; i++) {
      const digit = bytes[i]! - ZERO;
      if (digit >= 0 && digit <= 9 && i - from < 10) {
        number = 10 * number + digit;
        continue;
      }
      if (bytes[i] !== CR || i === from || (i + 1 < length && bytes[i + 1] !== LF))
        throw new MalformedReply(`${what} has a length that is not a number`);
      if (negative) number = -number;
      return i + 1 < length ? i + 2 : -1;
    }
    return -1;
  };
  /** @returns where the error at `at` ends; -1 where that has not arrived */
  const readError = (): number => {
    const end = bytes.subarray(0, length).indexOf(LF, at);
    if ((end < 0 ? length : end) - at > LONGEST_LINE) throw new MalformedReply("an error has no end");
    if (end < 0) return -1;
    errors.set(reply, bytes.toString("utf8", at + 1, end).trimEnd());
    places.fill(-1, 2 * reply * fields, 2 * (reply + 1) * fields);
    return end + 1;
  };
  const read = (): void => {
    while (reply < keys && at < length) {
      if (field < 0) {
        const isError = bytes[at] === MINUS;
        const next = isError ? readError() : readNumber(STAR, "a reply");
        if (next < 0) return;
        if (!isError && number !== fields) throw new MalformedReply(`a reply has ${number} values of ${fields}`);
        at = next;
        if (isError) reply++;
        else field = 0;
        continue;
      }
      const start = readNumber(DOLLAR, "a value");
      if (start < 0) return;
      if (number < -1 || number > mostBytes) throw new MalformedReply(`a value has ${number} bytes`);
      const end = start + number;
      const place = 2 * (reply * fields + field);
      if (number < 0) {
        places[place] = -1;
        at = start;
      } else {
        if (end + 2 > length) return;
        if (bytes[end] !== CR || bytes[end + 1] !== LF)
          throw new MalformedReply(`a value does not end after ${number} bytes`);
        places[place] = start;
        places[place + 1] = end;
        at = end + 2;
      }
      if (++field === fields) {
        field = -1;
        reply++;
      }
    }
  };
  const append = (chunk: Buffer): void => {
    if (length + chunk.length > mostBytes)
      throw new MalformedReply(`the replies to one request have more than ${mostBytes} bytes`);
    if (length === 0) bytes = chunk;
    else {
      if (length + chunk.length > bytes.length) {
        const larger = Buffer.allocUnsafe(Math.max(length + chunk.length, 2 * bytes.length));
        larger.set(bytes.subarray(0, length));
        bytes = larger;
      }
      bytes.set(chunk, length);
    }
    length += chunk.length;
  };
  return {
    take: chunk => {
      const before = length;
      append(chunk);
      read();
      return reply === keys ? at - before : chunk.length;
    },
    get replies() {
      return reply === keys ? { bytes, places, errors } : undefined;
    },
  };
}
