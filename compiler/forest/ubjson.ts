/** UBJSON (draft 12, with XGBoost's typed arrays) → values as from JSON.parse. Typed arrays of numbers stay typed. */

const NUMBERS = {
  i: [1, (v: DataView, at: number) => v.getInt8(at)],
  U: [1, (v: DataView, at: number) => v.getUint8(at)],
  I: [2, (v: DataView, at: number) => v.getInt16(at)],
  l: [4, (v: DataView, at: number) => v.getInt32(at)],
  L: [8, (v: DataView, at: number) => Number(v.getBigInt64(at))],
  d: [4, (v: DataView, at: number) => v.getFloat32(at)],
  D: [8, (v: DataView, at: number) => v.getFloat64(at)],
} as const;
const isNumber = (type: string): type is keyof typeof NUMBERS => Object.hasOwn(NUMBERS, type);
const DEEPEST = 64;

/** Reads markers, numbers and texts one after the other. Each throws an Error naming the byte. */
interface UbjsonBytes {
  fail(what: string): never;
  marker(): string;
  /** The next byte, which stays. */
  peek(): string;
  skip(): void;
  number(type: string): number;
  /** A length, which is never more than the file's own. */
  count(): number;
  text(): string;
}

function ubjsonBytes(bytes: Uint8Array): UbjsonBytes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at byte ${at}`);
  };
  const marker = (): string => {
    if (at >= bytes.length) fail("the file ends early");
    return String.fromCharCode(bytes[at++]!);
  };
  const number = (type: string): number => {
    if (!isNumber(type)) return fail(`\`${type}\` is no number`);
    const [size, read] = NUMBERS[type];
    if (at + size > bytes.length) fail("the file ends early");
    const value = read(view, at);
    at += size;
    return value;
  };
  const count = (): number => {
    const value = number(marker());
    return value >= 0 && value <= bytes.length ? value : fail(`a length of ${value}`);
  };
  return {
    fail,
    marker,
    peek: () => String.fromCharCode(bytes[at] ?? 0),
    skip: () => {
      at++;
    },
    number,
    count,
    text: () => {
      const length = count();
      if (at + length > bytes.length) fail("the file ends early");
      at += length;
      return Buffer.from(bytes.buffer, bytes.byteOffset + at - length, length).toString("utf8");
    },
  };
}

/** @throws Error naming the byte */
export function parseUbjson(bytes: Uint8Array): unknown {
  const reader = ubjsonBytes(bytes);
  const { marker, peek, skip, number, count, text } = reader;
  const fail: UbjsonBytes["fail"] = reader.fail;
  /** Values of all arrays and objects that say their length. */
  let counted = 0;
  const header = (): { type?: string; length?: number } => {
    let type: string | undefined;
    if (peek() === "$") {
      skip();
      type = marker();
    }
    if (peek() !== "#") return type === undefined ? {} : fail("a type without a length");
    skip();
    const length = count();
    // Values of types without bytes would cost memory by their number alone.
    counted += length;
    if (counted > bytes.length) fail(`more values than the file has bytes, ${bytes.length}`);
    return { ...(type !== undefined && { type }), length };
  };
  const array = (depth: number): unknown => {
    const { type, length } = header();
    const items: unknown[] = [];
    if (length === undefined) {
      while (peek() !== "]") items.push(value(marker(), depth));
      skip();
    } else for (let i = 0; i < length; i++) items.push(value(type ?? marker(), depth));
    return items;
  };
  const object = (depth: number): unknown => {
    const { type, length } = header();
    const entries: [string, unknown][] = [];
    const entry = () => entries.push([text(), value(type ?? marker(), depth)]);
    if (length === undefined) {
      while (peek() !== "}") entry();
      skip();
    } else for (let i = 0; i < length; i++) entry();
    return Object.fromEntries(entries);
  };
  const value = (type: string, depth: number): unknown => {
    if (depth > DEEPEST) return fail("values are nested too deep");
    if (isNumber(type)) return number(type);
    switch (type) {
      case "S":
        return text();
      case "C":
        return marker();
      case "Z":
      case "N":
        return null;
      case "T":
      case "F":
        return type === "T";
      case "[":
        return array(depth + 1);
      case "{":
        return object(depth + 1);
      default:
        return fail(`an unknown type ${JSON.stringify(type)}`);
    }
  };
  return value(marker(), 0);
}
