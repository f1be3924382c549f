/** A filter → an expression of Milvus. A value is a literal of its type, in which a text cannot end. */
import {
  ALWAYS,
  all,
  any,
  type Filter,
  NEVER,
  type Order,
  type Scalar,
} from "../../../../contract/vector-filter/filter.js";
import type { AttributeDType } from "../../../../formats/vectors/vector-store.js";

/** Milvus has no literal for the least integer: it reads the sign apart. A comparison with it is one with the next. */
const LEAST = -(2n ** 63n);
const SECOND = LEAST + 1n;
const [LEAST_32, MOST_32] = [-(2n ** 31n), 2n ** 31n - 1n];

/** @returns an expression, true or false if it holds for all or for none */
export function milvusFilter(filter: Filter, attributes: Readonly<Record<string, AttributeDType>>): string | boolean {
  const within = inRange(filter, attributes);
  return "always" in within ? within.always : write(within);
}

/** With values that the columns can hold alone: an integer of 32 bits is compared with one of 32 bits, a float32 with a float32. */
function inRange(at: Filter, attributes: Readonly<Record<string, AttributeDType>>): Filter {
  if ("all" in at) return all(at.all.map(part => inRange(part, attributes)));
  if ("any" in at) return any(at.any.map(part => inRange(part, attributes)));
  if ("always" in at || "missing" in at) return at;
  const { attribute } = at;
  const dtype = attributes[attribute]!;
  if ("text" in at) return textTest(attribute, at.text, at.value, at.negated);
  if ("among" in at) return listed(attribute, dtype, at.among, at.negated);
  if (dtype === "int64" && at.value === LEAST) return againstLeast(attribute, at.is);
  if (at.is !== "=" && at.is !== "!=") return ordered(attribute, dtype, at.is, at.value);
  if (isHeld(at.value, dtype)) return at;
  return at.is === "=" ? NEVER : { attribute, missing: false };
}

const isHeld = (value: Scalar, dtype: AttributeDType): boolean =>
  dtype === "int32"
    ? (value as bigint) >= LEAST_32 && (value as bigint) <= MOST_32
    : dtype !== "float32" || Math.fround(value as number) === value;

function listed(attribute: string, dtype: AttributeDType, among: readonly Scalar[], negated: boolean): Filter {
  const values = among.filter(value => value !== LEAST && isHeld(value, dtype));
  const parts: Filter[] = values.length > 0 ? [{ attribute, among: values, negated }] : [];
  if (dtype === "int64" && among.includes(LEAST)) parts.push(againstLeast(attribute, negated ? "!=" : "="));
  // `not in` may hold for an item without the attribute.
  return negated ? all([{ attribute, missing: false }, ...parts]) : any(parts);
}

function againstLeast(attribute: string, is: Order | "=" | "!="): Filter {
  if (is === "<") return NEVER;
  if (is === ">=") return { attribute, missing: false };
  return { attribute, is: is === "=" || is === "<=" ? "<" : ">=", value: SECOND };
}

function ordered(attribute: string, dtype: AttributeDType, is: Order, value: Scalar): Filter {
  const isBelow = is.startsWith("<");
  const present: Filter = { attribute, missing: false };
  if (dtype === "int32" && !isHeld(value, dtype)) return (value as bigint) > 0n === isBelow ? present : NEVER;
  if (dtype !== "float32" || isHeld(value, dtype)) return { attribute, is, value };
  // The nearest float32 is beyond the value or before it, and no float32 is between them.
  const near = Math.fround(value as number);
  if (!Number.isFinite(near)) return near > 0 === isBelow ? present : NEVER;
  const isNearAbove = near > (value as number);
  return { attribute, is: isBelow ? (isNearAbove ? "<" : "<=") : isNearAbove ? ">=" : ">", value: near };
}

/** Texts are in the order of their code points: those with a beginning are between two texts. `LIKE` reads some texts as patterns. */
function textTest(attribute: string, text: string, prefix: string, negated: boolean): Filter {
  if (text !== "startsWith") throw new Error(`milvus has no ${text}`);
  const present: Filter = { attribute, missing: false };
  if (prefix === "") return negated ? NEVER : present;
  const after = following(prefix);
  if (negated)
    return any([
      { attribute, is: "<", value: prefix },
      ...(after === undefined ? [] : [{ attribute, is: ">=", value: after } as const]),
    ]);
  return all([
    { attribute, is: ">=", value: prefix },
    ...(after === undefined ? [ALWAYS] : [{ attribute, is: "<", value: after } as const]),
  ]);
}

/** The least text above all that begin with the prefix; undefined if there is none. */
function following(prefix: string): string | undefined {
  const points = Array.from(prefix, c => c.codePointAt(0)!);
  while (points.at(-1) === 0x10_ff_ff) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  // No text has the code points of surrogates.
  return String.fromCodePoint(...points, last === 0xd7_ff ? 0xe0_00 : last + 1);
}

const SIGNS = { "=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=" } as const;

function write(at: Filter): string {
  if ("all" in at) return `(${at.all.map(write).join(" and ")})`;
  if ("any" in at) return `(${at.any.map(write).join(" or ")})`;
  if ("always" in at || "text" in at) throw new Error("a part that was replaced");
  const { attribute } = at;
  const present = `${attribute} is not null`;
  if ("missing" in at) return at.missing ? `${attribute} is null` : present;
  if ("among" in at) return `${attribute} ${at.negated ? "not in" : "in"} [${at.among.map(literal).join(", ")}]`;
  const test = `${attribute} ${SIGNS[at.is]} ${literal(at.value)}`;
  return at.is === "!=" ? `(${present} and ${test})` : test;
}

/** As Milvus reads it: an integer, a float with a point or an exponent, `true`, or a text in quotes. */
export function literal(value: Scalar): string {
  if (typeof value === "string") return quotedText(value);
  if (typeof value !== "number") return String(value);
  const text = String(value);
  // Negative zero equals zero.
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Characters that end a literal or begin an escape are escaped, and others are as they are. */
const quotedText = (text: string): string =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").replaceAll("\r", "\\r")}"`;
