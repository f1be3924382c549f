/** Elements ↔ bytes of KServe's binary tensors, so that every datatype travels exactly: wide integers, NaN, half precision. */
import type { Element } from "./tensor-text.js";

/** Elements of a tensor, decoded as they are shown. */
export interface Elements {
  readonly length: number;
  at(i: number): Element;
}

interface Form {
  readonly bytes: number;
  read(view: DataView, at: number): Element;
  write(view: DataView, at: number, value: Element): void;
}

/** @throws Error for a value that is not of the datatype */
export function encode(datatype: string, values: readonly Element[]): Uint8Array<ArrayBuffer> {
  if (datatype === "BYTES") return encodeTexts(values);
  const form = formOf(datatype);
  const bytes = new Uint8Array(values.length * form.bytes);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) form.write(view, i * form.bytes, value);
  return bytes;
}

export function decode(datatype: string, bytes: Uint8Array): Elements {
  if (datatype === "BYTES") return decodeTexts(bytes);
  const form = formOf(datatype);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { length: Math.floor(bytes.byteLength / form.bytes), at: i => form.read(view, i * form.bytes) };
}

function formOf(datatype: string): Form {
  const form = FORMS[datatype];
  if (!form) throw new Error(`this page has no form for ${datatype}`);
  return form;
}

const no = (value: Element, datatype: string): Error =>
  new Error(`${JSON.stringify(value)} is not a value of ${datatype}`);

function integer(bits: number, signed: boolean): Form {
  const datatype = `${signed ? "INT" : "UINT"}${bits}`;
  const [least, most] = signed
    ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n]
    : [0n, 2n ** BigInt(bits) - 1n];
  const method = (what: "get" | "set") =>
    `${what}${bits === 64 ? "Big" : ""}${signed ? "Int" : "Uint"}${bits}` as "getBigInt64";
  return {
    bytes: bits / 8,
    read(view, at) {
      const value = view[method("get")](at, true);
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    },
    write(view, at, value) {
      const whole =
        typeof value === "number" ? Number.isInteger(value) : typeof value === "string" && /^-?\d+$/.test(value);
      const wide = whole ? BigInt(value as number | string) : undefined;
      if (wide === undefined || wide < least || wide > most) throw no(value, datatype);
      view[method("set") as "setBigInt64"](at, (bits === 64 ? wide : Number(wide)) as bigint, true);
    },
  };
}

const floating = (
  datatype: string,
  bytes: number,
  get: (view: DataView, at: number) => number,
  set: (view: DataView, at: number, value: number) => void,
): Form => ({
  bytes,
  read: (view, at) => get(view, at),
  write(view, at, value) {
    const number = typeof value === "string" && /^(NaN|-?Infinity|-?\d+)$/.test(value) ? Number(value) : value;
    if (typeof number !== "number") throw no(value, datatype);
    set(view, at, number);
  },
});

const FORMS: Readonly<Record<string, Form>> = {
  BOOL: {
    bytes: 1,
    read: (view, at) => view.getUint8(at) !== 0,
    write(view, at, value) {
      if (typeof value !== "boolean") throw no(value, "BOOL");
      view.setUint8(at, Number(value));
    },
  },
  ...Object.fromEntries(
    [8, 16, 32, 64].flatMap(bits => [
      [`INT${bits}`, integer(bits, true)],
      [`UINT${bits}`, integer(bits, false)],
    ]),
  ),
  FP64: floating(
    "FP64",
    8,
    (view, at) => view.getFloat64(at, true),
    (view, at, value) => view.setFloat64(at, value, true),
  ),
  FP32: floating(
    "FP32",
    4,
    (view, at) => view.getFloat32(at, true),
    (view, at, value) => view.setFloat32(at, value, true),
  ),
  FP16: floating("FP16", 2, readHalf, writeHalf),
  BF16: floating("BF16", 2, readBfloat, writeBfloat),
};

function readHalf(view: DataView, at: number): number {
  const half = view.getUint16(at, true);
  const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** To the nearest, ties to even. */
function writeHalf(view: DataView, at: number, value: number): void {
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const steps = size === 0 ? 0 : roundEven(size / 2 ** (exponent - 10));
  const half = Number.isNaN(value) ? 0x7e00 : size >= 65_520 ? 0x7c00 : size === 0 ? 0 : (exponent + 14) * 1024 + steps;
  view.setUint16(at, sign | half, true);
}

const roundEven = (value: number): number => {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
};

const WORD = new DataView(new ArrayBuffer(4));

function readBfloat(view: DataView, at: number): number {
  WORD.setUint32(0, view.getUint16(at, true) << 16);
  return WORD.getFloat32(0);
}

function writeBfloat(view: DataView, at: number, value: number): void {
  WORD.setFloat32(0, value);
  const word = WORD.getUint32(0);
  const rounded = Number.isNaN(value) ? 0x7fc0_0000 : word + 0x7fff + ((word >>> 16) & 1);
  view.setUint16(at, (rounded >>> 16) & 0xffff, true);
}

/** Each with its length before it. */
function encodeTexts(values: readonly Element[]): Uint8Array<ArrayBuffer> {
  const texts = values.map(value => {
    if (typeof value !== "string") throw no(value, "BYTES");
    return new TextEncoder().encode(value);
  });
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + 4 + text.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const text of texts) {
    view.setUint32(at, text.length, true);
    bytes.set(text, at + 4);
    at += 4 + text.length;
  }
  return bytes;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

function decodeTexts(bytes: Uint8Array): Elements {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts: number[] = [];
  for (let at = 0; at + 4 <= bytes.byteLength; at += 4 + view.getUint32(at, true)) starts.push(at);
  const text = (at: number): string => utf8.decode(bytes.subarray(at + 4, at + 4 + view.getUint32(at, true)));
  return { length: starts.length, at: i => text(starts[i]!) };
}
