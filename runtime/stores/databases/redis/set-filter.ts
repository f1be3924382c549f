/**
 * Attributes → the JSON of an element, and a filter → an expression of Redis. An expression is false as a whole if an attribute that it names is
 * missing. So each attribute is always written, beside a flag `has-NAME`. No name of an attribute contains `-`.
 *
 * Texts in expressions have no escapes. The characters that would need one are percent-encoded in both.
 */
import type { Filter, Scalar } from "../../../../contract/vector-filter/filter.js";
import type { AttributeDType } from "../../../../formats/vectors/vector-store.js";

export type Attributes = Readonly<Record<string, AttributeDType>>;

/** Redis compares numbers as doubles. */
export const MOST_INTEGER = BigInt(Number.MAX_SAFE_INTEGER);

const ENCODED = /[%"\\\p{Cc}]/u;
/** By the byte of UTF-8: those of one byte that are encoded. */
const IS_ENCODED = Uint8Array.from({ length: 128 }, (_, byte) => Number(ENCODED.test(String.fromCharCode(byte))));
const HEX = Buffer.from("0123456789ABCDEF");
const PERCENT = 0x25;
/** Before the second byte of a control character that has two. */
const TWO_BYTES = 0xc2;

/** Different texts stay different. A call for each character would take seconds for a few megabytes. */
function encode(text: string): string {
  if (!ENCODED.test(text)) return text;
  const from = Buffer.from(text);
  const to = Buffer.allocUnsafe(3 * from.length);
  let end = 0;
  for (let i = 0; i < from.length; i++) {
    const isControl = from[i] === TWO_BYTES && from[i + 1]! < 0xa0;
    const byte = isControl ? from[++i]! : from[i]!;
    if (isControl || IS_ENCODED[byte]) {
      to[end++] = PERCENT;
      to[end++] = HEX[byte >> 4]!;
      to[end++] = HEX[byte & 15]!;
    } else to[end++] = byte;
  }
  return to.toString("utf8", 0, end);
}

/** @param values by name; undefined for a missing one. Numbers are finite, integers in the range of doubles */
export function attributesText(attributes: Attributes, values: (name: string) => Scalar | undefined): string {
  const parts = Object.entries(attributes).map(([name, dtype]) => {
    const value = values(name);
    const shown = value === undefined ? (dtype === "string" ? '""' : "0") : jsonOf(value);
    return `"${name}":${shown},"has-${name}":${value === undefined ? 0 : 1}`;
  });
  return `{${parts.join(",")}}`;
}

const jsonOf = (value: Scalar): string => (typeof value === "string" ? `"${encode(value)}"` : String(value));

const NEVER = "(1 == 0)";

/** Values in the lists of a filter, each of which is compared with each item. */
export function listedValues(filter: Filter): number {
  if ("all" in filter) return filter.all.reduce((sum, part) => sum + listedValues(part), 0);
  if ("any" in filter) return filter.any.reduce((sum, part) => sum + listedValues(part), 0);
  return "among" in filter ? filter.among.length : 0;
}

/** @param filter without tests of parts of texts */
export function setFilter(filter: Filter): string {
  if ("all" in filter) return filter.all.length === 0 ? "(1 == 1)" : `(${filter.all.map(setFilter).join(" and ")})`;
  if ("any" in filter) return filter.any.length === 0 ? NEVER : `(${filter.any.map(setFilter).join(" or ")})`;
  if ("always" in filter) return filter.always ? "(1 == 1)" : NEVER;
  if ("missing" in filter) return `.has-${filter.attribute} == ${filter.missing ? 0 : 1}`;
  if ("text" in filter) throw new Error(`Redis cannot test \`${filter.text}\``);
  return `(.has-${filter.attribute} == 1 and ${"among" in filter ? among(filter) : compare(filter)})`;
}

function compare({ attribute, is, value }: Extract<Filter, { is: unknown }>): string {
  // No item has a larger integer: each is on the same side of it.
  if (typeof value === "bigint" && (value > MOST_INTEGER || value < -MOST_INTEGER))
    return is === "!=" || (is !== "=" && is.startsWith("<") === value > 0n) ? "(1 == 1)" : NEVER;
  return `.${attribute} ${is === "=" ? "==" : is} ${literal(value)}`;
}

function among({ attribute, among: values, negated }: Extract<Filter, { among: unknown }>): string {
  const known = values.filter(value => typeof value !== "bigint" || (value <= MOST_INTEGER && value >= -MOST_INTEGER));
  const literals = known.map(literal);
  // A list has literals only.
  const listed = literals.filter(text => !text.startsWith("("));
  const computed = literals.filter(text => text.startsWith("("));
  const tests = [
    ...(listed.length > 0 ? [`.${attribute} in [${listed.join(",")}]`] : []),
    ...computed.map(text => `.${attribute} == ${text}`),
  ];
  const isAmong = tests.length === 0 ? NEVER : `(${tests.join(" or ")})`;
  return negated ? `not ${isAmong}` : isAmong;
}

function literal(value: Scalar): string {
  if (typeof value === "string") return `"${encode(value)}"`;
  if (typeof value === "boolean") return value ? "1" : "0";
  return typeof value === "bigint" ? String(value) : decimal(value);
}

/** Digits that a literal may have are 255. */
const MOST_DIGITS = 200;

/** Numbers of an expression have no exponent. */
function decimal(value: number): string {
  const [, sign = "", whole = "", part = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  const point = whole.length + Number(exponent);
  const digits = whole + part;
  const text =
    point <= 0
      ? `0.${"0".repeat(-point)}${digits}`
      : point >= digits.length
        ? digits.padEnd(point, "0")
        : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return text.length <= MOST_DIGITS ? sign + text : product(value);
}

/** A very large or small number as an integer and powers of 2, whose products are exact. */
function product(value: number): string {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const high = bits.getUint32(0);
  const exponent = (high >>> 20) & 0x7ff;
  const hidden = exponent === 0 ? 0 : 2 ** 20;
  const integer = ((high & 0xfffff) + hidden) * 2 ** 32 + bits.getUint32(4);
  const power = Math.max(exponent, 1) - 1075;
  const sign = value < 0 ? "-" : "";
  if (power >= 0) return `(${sign}${integer} * 2 ** ${power})`;
  // 2 ** 1074 is beyond the range of doubles.
  const half = Math.floor(-power / 2);
  return `(${sign}${integer} / 2 ** ${half} / 2 ** ${-power - half})`;
}
