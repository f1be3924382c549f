/**
 * `feast.types.Value`, the bytes of one feature of one entity: bytes → numbers, words or strings pushed into a sink.
 */

import {
  type Cursor,
  cursor,
  nextTag,
  readSpan,
  readVarint,
  skipField,
  spanBytes,
  take,
  WireError,
} from "../bytes/wire.js";
import { itemJson, objectJson, type RawItem } from "./feast-json.js";
import { type FeastItem, type FeastType, feastType, feastTypeOf } from "./feast-type.js";

/** Receives decoded values: int64 as two words, so that no BigInt is made. */
export interface ValueSink {
  number(value: number): void;
  words(lo: number, hi: number): void;
  string(value: string): void;
  bytes(value: Uint8Array): void;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Messages inside one another, as deep as protobuf's own readers go. */
const MOST_DEEP = 100;

/**
 * Decodes one value into the sink: one push for a scalar, one push per item for a list or a set. Maps and nested lists become one JSON
 * text.
 * @returns the type that was stored, or null for a null value (nothing is pushed)
 * @throws WireError for bytes that are not a Value, or whose type is newer than this reader
 */
export const decodeValue = (bytes: Uint8Array, sink: ValueSink, start = 0, end = bytes.length): FeastType | null =>
  decode(cursor(bytes, start, end), sink, 0);

function decode(c: Cursor, sink: ValueSink, depth: number): FeastType | null {
  let stored: FeastType | null = null;
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const number = tag >>> 3;
    const type = feastTypeOf(number);
    if (!type) {
      // 19 says null aloud; anything else is newer than this reader.
      if (number !== 19) throw new WireError(`a value of Feast's type ${number}, which is not known here`);
      skipField(c, tag);
      continue;
    }
    stored = type.name;
    if (type.list) items(readSpan(c), type.item, sink, depth);
    else if (isNoMoment(c, tag, number)) stored = null;
    else item(c, tag, type.item, sink, depth);
  }
  return stored;
}

/** Whether a null timestamp is next; it is skipped. */
function isNoMoment(c: Cursor, tag: number, number: number): boolean {
  if (number !== 8 || (tag & 7) !== 0) return false;
  const start = c.at;
  readVarint(c);
  if (c.lo === 0 && c.hi === -0x80000000) return true;
  c.at = start;
  return false;
}

function items(list: Cursor, kind: FeastItem, sink: ValueSink, depth: number): void {
  for (let tag = nextTag(list); tag !== 0; tag = nextTag(list)) {
    if (tag >>> 3 !== 1) {
      skipField(list, tag);
      continue;
    }
    if ((tag & 7) !== 2 || typeof kind === "string" || kind <= 2) {
      item(list, tag, kind, sink, depth);
      continue;
    }
    const packed = readSpan(list);
    while (packed.at < packed.end) scalar(packed, WIRE_TYPE[kind]!, kind, sink);
  }
}

function item(c: Cursor, tag: number, kind: FeastItem, sink: ValueSink, depth: number): void {
  if (typeof kind === "number") scalar(c, tag, kind, sink);
  else if (depth > MOST_DEEP)
    throw new WireError(`byte ${c.at}: more than ${MOST_DEEP} maps or lists inside one another`);
  else compound(readSpan(c), kind, sink, depth);
}

/** Apart from `item`, which scalars pass through too: a function with closures inside allocates at each call. */
function compound(span: Cursor, kind: Exclude<FeastItem, number>, sink: ValueSink, depth: number): void {
  const inner = (value: Cursor): string => valueText(value, depth + 1);
  if (kind === "zoned") zonedSecond(span, sink);
  else if (kind === "nested") sink.string(`[${membersOf(span).map(inner).join(",")}]`);
  else
    sink.string(
      objectJson(membersOf(span).map(entry => entryText(entry, kind === "map" ? readText : readScalarKey, inner))),
    );
}

/** Field 1 is the second since 1970, field 2 the zone, which says nothing of when it was. */
function zonedSecond(moment: Cursor, sink: ValueSink): void {
  let [lo, hi] = [0, 0];
  for (let tag = nextTag(moment); tag !== 0; tag = nextTag(moment)) {
    if (tag !== 1 << 3) {
      skipField(moment, tag);
      continue;
    }
    readVarint(moment);
    [lo, hi] = [moment.lo, moment.hi];
  }
  sink.words(lo, hi);
}

/** An entry of a map: its key is field 1, its value field 2. */
function entryText(
  entry: Cursor,
  readKey: (c: Cursor) => string,
  inner: (value: Cursor) => string,
): readonly [name: string, text: string] {
  let [name, text] = ["", "null"];
  for (let tag = nextTag(entry); tag !== 0; tag = nextTag(entry)) {
    if (tag === ((1 << 3) | 2)) name = readKey(readSpan(entry));
    else if (tag === ((2 << 3) | 2)) text = inner(readSpan(entry));
    else skipField(entry, tag);
  }
  return [name, text];
}

const readText = (c: Cursor): string => utf8.decode(spanBytes(c));

/** Items of the members of a `MapKey`, by field number. */
const KEY_ITEMS: readonly number[] = [0, 3, 4, 6, 5, 7, 8, 1, 2, 2, 2];

/** A key that is not text, in its JSON form without the quotes. */
function readScalarKey(c: Cursor): string {
  let name = "";
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const kind = KEY_ITEMS[tag >>> 3] as FeastItem | undefined;
    if (kind === undefined) throw new WireError(`a map key of Feast's kind ${tag >>> 3}, which is not known here`);
    const [value] = collect(sink => scalar(c, tag, kind as number, sink));
    name = itemJson(kind, value!).replace(/^"(.*)"$/s, "$1");
  }
  return name;
}

/** One `Value` as JSON. */
function valueText(c: Cursor, depth: number): string {
  let stored: FeastType | null = null;
  const raw = collect(sink => {
    stored = decode(c, sink, depth);
  });
  if (stored === null) return "null";
  const { list, item: kind } = feastType(stored);
  const texts = raw.map(value => itemJson(kind, value));
  return list ? `[${texts.join(",")}]` : texts[0]!;
}

function collect(push: (sink: ValueSink) => void): RawItem[] {
  const raw: RawItem[] = [];
  const add = (value: RawItem): void => {
    raw.push(value);
  };
  push({ number: add, string: add, bytes: add, words: (lo, hi) => add((BigInt(hi) << 32n) | BigInt(lo >>> 0)) });
  return raw;
}

function membersOf(list: Cursor): Cursor[] {
  const members: Cursor[] = [];
  for (let tag = nextTag(list); tag !== 0; tag = nextTag(list))
    if (tag === ((1 << 3) | 2)) members.push(readSpan(list));
    else skipField(list, tag);
  return members;
}

/** Wire type of each scalar member, by field number. */
export const WIRE_TYPE: readonly number[] = [0, 2, 2, 0, 0, 1, 5, 0, 0];
const scratch = new DataView(new ArrayBuffer(8));

function scalar(c: Cursor, tag: number, member: number, sink: ValueSink): void {
  if ((tag & 7) !== WIRE_TYPE[member]) throw new WireError(`byte ${c.at}: wire type ${tag & 7} for member ${member}`);
  switch (tag & 7) {
    case 0:
      readVarint(c);
      if (member === 4 || member === 8) sink.words(c.lo, c.hi);
      else sink.number(c.lo);
      return;
    case 2:
      if (member === 1) sink.bytes(spanBytes(readSpan(c)));
      else sink.string(utf8.decode(spanBytes(readSpan(c))));
      return;
    case 5: {
      const at = take(c, 4);
      for (let i = 0; i < 4; i++) scratch.setUint8(i, c.bytes[at + i]!);
      sink.number(scratch.getFloat32(0, true));
      return;
    }
    default: {
      const at = take(c, 8);
      for (let i = 0; i < 8; i++) scratch.setUint8(i, c.bytes[at + i]!);
      sink.number(scratch.getFloat64(0, true));
    }
  }
}
