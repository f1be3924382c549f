/** Arrow files that are put together table by table with the builder of FlatBuffers, so that each part can be left out or be wrong. */
import { Builder } from "flatbuffers";

/** A member of a table. `words` are structs of int64, `each` words a struct. */
export type Member =
  | { readonly i8: number }
  | { readonly i16: number }
  | { readonly i32: number }
  | { readonly i64: number | bigint }
  | { readonly text: string }
  | { readonly table: Flat }
  | { readonly tables: readonly Flat[] }
  | { readonly words: readonly (number | bigint)[]; readonly each: number };
/** A table: its members by the number of their field. */
export type Flat = Readonly<Record<number, Member>>;

/** The bytes of a root table. Tables that are one object, and texts that are equal, are there once. */
export function flat(root: Flat): Uint8Array {
  const to = new Builder(1024);
  const seen = new Map<Flat, number>();
  const texts = new Map<string, number>();
  const vector = (count: number, size: number, align: number, add: (i: number) => void): number => {
    to.startVector(size, count, align);
    for (let i = (count * size) / align - 1; i >= 0; i--) add(i);
    return to.endVector();
  };
  const textOf = (text: string): number => {
    const offset = texts.get(text) ?? Number(to.createString(text));
    texts.set(text, offset);
    return offset;
  };
  const placed = (member: Member): number => {
    if ("text" in member) return textOf(member.text);
    if ("table" in member) return table(member.table);
    if ("tables" in member) {
      const offsets = member.tables.map(table);
      return vector(offsets.length, 4, 4, i => to.addOffset(offsets[i]!));
    }
    if ("words" in member) {
      const { words, each } = member;
      return vector(words.length / each, 8 * each, 8, i => to.addInt64(BigInt(words[i]!)));
    }
    return 0;
  };
  const table = (of: Flat): number => {
    const known = seen.get(of);
    if (known !== undefined) return known;
    const fields = Object.entries(of).map(([field, member]) => [Number(field), member, placed(member)] as const);
    to.startObject(Math.max(-1, ...fields.map(([field]) => field)) + 1);
    // Defaults that nothing has, so that zeros are written too.
    for (const [field, member, offset] of fields)
      if ("i8" in member) to.addFieldInt8(field, member.i8, -1000);
      else if ("i16" in member) to.addFieldInt16(field, member.i16, -100_000);
      else if ("i32" in member) to.addFieldInt32(field, member.i32, 0.5);
      else if ("i64" in member) to.addFieldInt64(field, BigInt(member.i64), 2n ** 62n);
      else to.addFieldOffset(field, offset, 0);
    const made = to.endObject();
    seen.set(of, made);
    return made;
  };
  to.finish(table(root));
  return Uint8Array.from(to.asUint8Array());
}

/** A field of a schema. @param type its number in Schema.fbs @param of the members of its type's table */
export const field = (type: number, of: Flat = {}, more: Flat = {}): Flat => ({
  0: { text: "c" },
  2: { i8: type },
  3: { table: of },
  ...more,
});
export const int = (bits: number): Flat => field(2, { 0: { i32: bits }, 1: { i8: 1 } });
export const schemaOf = (fields: readonly Flat[], more: Flat = {}): Flat => ({ 1: { tables: fields }, ...more });
export const pair = (key: string, value: string): Flat => ({ 0: { text: key }, 1: { text: value } });

export interface Batch {
  readonly rows: number;
  /** Rows and nulls of each column, and of each one inside it. */
  readonly nodes: readonly (readonly [rows: number | bigint, nulls: number | bigint])[];
  readonly buffers: readonly Uint8Array[];
  /** Numbers of buffers of views. */
  readonly views?: readonly number[];
  readonly more?: Flat;
}
/** A message with its body. */
export interface Message {
  readonly of: Flat;
  readonly body: Uint8Array;
}
export const SCHEMA = 1;
export const DICTIONARY = 2;
export const RECORD_BATCH = 3;

export const messageOf = (
  kind: number,
  header: Flat | undefined,
  body: Uint8Array = new Uint8Array(0),
  more: Flat = {},
): Message => ({
  of: { 0: { i16: 4 }, 1: { i8: kind }, ...(header && { 2: { table: header } }), 3: { i64: body.length }, ...more },
  body,
});
/** The table of a record batch. */
export function batchOf({ rows, nodes, buffers, views, more = {} }: Batch): Flat {
  let at = 0;
  const places = buffers.flatMap(({ length }) => {
    at += length;
    return [at - length, length];
  });
  return {
    0: { i64: rows },
    1: { words: nodes.flat(), each: 2 },
    2: { words: places, each: 2 },
    ...(views && { 4: { words: views, each: 1 } }),
    ...more,
  };
}
export const batchMessage = (of: Batch, more: Flat = {}): Message =>
  messageOf(RECORD_BATCH, batchOf(of), Buffer.concat(of.buffers), more);

/** The bytes of a message with its prefix, without its body. */
export function prefixed({ of }: Message, { ones = true } = {}): Uint8Array {
  const bytes = flat(of);
  const head = Buffer.alloc(ones ? 8 : 4);
  if (ones) head.writeUInt32LE(0xffffffff, 0);
  head.writeInt32LE(bytes.length, head.length - 4);
  return Buffer.concat([head, bytes]);
}

export const streamOf = (messages: readonly Message[], form = { ones: true }): Uint8Array =>
  Uint8Array.from(Buffer.concat(messages.flatMap(message => [prefixed(message, form), message.body])));

export interface FileParts {
  readonly schema?: Flat | undefined;
  readonly batches?: readonly Message[];
  readonly dictionaries?: readonly Message[];
  readonly more?: Flat;
  readonly ones?: boolean;
}
/** The file form: dictionaries, batches, and the footer that places them. */
export function fileOf({ schema, batches = [], dictionaries = [], more = {}, ones = true }: FileParts): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from("ARROW1\0\0")];
  let at = 8;
  const blocks = (messages: readonly Message[]) =>
    messages.flatMap(message => {
      const metadata = prefixed(message, { ones });
      parts.push(metadata, message.body);
      const block = [at, metadata.length, message.body.length];
      at += metadata.length + message.body.length;
      return block;
    });
  const [of, others] = [blocks(batches), blocks(dictionaries)];
  const footer = flat({
    ...(schema && { 1: { table: schema } }),
    2: { words: others, each: 3 },
    3: { words: of, each: 3 },
    ...more,
  });
  const length = Buffer.alloc(4);
  length.writeInt32LE(footer.length);
  return Uint8Array.from(Buffer.concat([...parts, footer, length, Buffer.from("ARROW1")]));
}
