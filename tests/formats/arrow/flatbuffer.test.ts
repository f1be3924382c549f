/** FlatBuffers: what the format's own builder writes is read, and each way in which a table can lie is an error. */
import fc from "fast-check";
import { Builder } from "flatbuffers";
import { describe, expect, test } from "vitest";
import { FlatbufferError, type FlatTable, flatRoot, int64At } from "#formats/arrow/flatbuffer.js";

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Made {
  readonly uint8?: number | undefined;
  readonly int16?: number | undefined;
  readonly int32?: number | undefined;
  readonly int64?: bigint | undefined;
  readonly bool?: boolean | undefined;
  readonly text?: string | undefined;
  readonly table?: Made | undefined;
  readonly tables?: readonly Made[] | undefined;
  readonly pairs?: readonly (readonly [number, number])[] | undefined;
}
const FIELDS = ["uint8", "int16", "int32", "int64", "bool", "text", "table", "tables", "pairs"] as const;

/** Writes a table, members first. @returns its offset */
function write(to: Builder, made: Made): number {
  const text = made.text === undefined ? 0 : to.createString(made.text);
  const table = made.table ? write(to, made.table) : 0;
  const children = made.tables?.map(one => write(to, one));
  let tables = 0;
  if (children) {
    to.startVector(4, children.length, 4);
    for (const child of [...children].reverse()) to.addOffset(child);
    tables = to.endVector();
  }
  let pairs = 0;
  if (made.pairs) {
    to.startVector(8, made.pairs.length, 4);
    for (const [a, b] of [...made.pairs].reverse()) {
      to.addInt32(b);
      to.addInt32(a);
    }
    pairs = to.endVector();
  }
  to.startObject(FIELDS.length);
  // A default that nothing has, so that zeros are written too.
  if (made.uint8 !== undefined) to.addFieldInt8(0, made.uint8, -1000);
  if (made.int16 !== undefined) to.addFieldInt16(1, made.int16, -100_000);
  if (made.int32 !== undefined) to.addFieldInt32(2, made.int32, 0.5);
  if (made.int64 !== undefined) to.addFieldInt64(3, made.int64, 2n ** 62n);
  if (made.bool !== undefined) to.addFieldInt8(4, Number(made.bool), -1000);
  if (made.text !== undefined) to.addFieldOffset(5, text, 0);
  if (made.table !== undefined) to.addFieldOffset(6, table, 0);
  if (made.tables !== undefined) to.addFieldOffset(7, tables, 0);
  if (made.pairs !== undefined) to.addFieldOffset(8, pairs, 0);
  return to.endObject();
}

function read(of: FlatTable, view: DataView): Made {
  const { at, count } = of.structs(8, 8);
  const table = of.table(6);
  const found: Record<(typeof FIELDS)[number], unknown> = {
    uint8: of.uint8(0),
    int16: of.int16(1),
    int32: of.int32(2),
    int64: BigInt(of.int64(3)),
    bool: of.bool(4),
    text: of.text(5),
    table: table && read(table, view),
    tables: of.tables(7).map(one => read(one, view)),
    pairs: Array.from({ length: count }, (_, i) => [
      view.getInt32(at + 8 * i, true),
      view.getInt32(at + 8 * i + 4, true),
    ]),
  };
  return Object.fromEntries(FIELDS.flatMap((name, field) => (of.has(field) ? [[name, found[name]]] : [])));
}
/** Values that a reader returns for absent fields. */
const ABSENT = { uint8: 0, int16: 0, int32: 0, int64: 0, bool: false, text: undefined, table: undefined };

const { table } = fc.letrec<{ table: Made }>(tie => ({
  table: fc.record(
    {
      uint8: fc.nat({ max: 255 }),
      int16: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
      int32: fc.integer(),
      int64: fc.bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n }),
      bool: fc.boolean(),
      text: fc.string({ unit: "grapheme", maxLength: 5 }),
      table: fc.oneof({ maxDepth: 2 }, fc.constant({}), tie("table")),
      tables: fc.oneof({ maxDepth: 2 }, fc.constant([]), fc.array(tie("table"), { maxLength: 3 })),
      pairs: fc.array(fc.tuple(fc.integer(), fc.integer()), { maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
}));

test("what the format's own builder writes is read, fields that are not there among it", () => {
  fc.assert(
    fc.property(table, fc.nat({ max: 9 }), (made, before) => {
      const to = new Builder(16);
      to.finish(write(to, made));
      const bytes = to.asUint8Array();
      // In the middle of another buffer.
      const view = viewOf(
        Buffer.concat([new Uint8Array(before), bytes, new Uint8Array(3)]).subarray(before, before + bytes.length),
      );
      const root = flatRoot(view);
      expect(read(root, view)).toEqual(made);
      for (const [i, name] of FIELDS.slice(0, 7).entries())
        if (!(name in made)) expect(root[name as "int64"](i)).toBe(ABSENT[name as keyof typeof ABSENT]);
      expect([root.has(20), root.int64(20), root.text(20), root.tables(20)]).toEqual([false, 0, undefined, []]);
    }),
  );
});

test("a buffer with another byte is read or refused, and never read beyond its end", () => {
  const damage = fc.record({ made: table, at: fc.nat(), byte: fc.nat({ max: 255 }) });
  fc.assert(
    fc.property(damage, ({ made, at, byte }) => {
      const to = new Builder(16);
      to.finish(write(to, made));
      const bytes = to.asUint8Array().slice();
      bytes[at % bytes.length] = byte;
      try {
        read(flatRoot(viewOf(bytes)), viewOf(bytes));
      } catch (error) {
        // A loop of tables is the reader's who follows it.
        if (!(error instanceof RangeError && error.message.includes("call stack")))
          expect(error).toBeInstanceOf(FlatbufferError);
      }
    }),
    { numRuns: 500 },
  );
});

describe("a table", () => {
  /** The root's offset, a vtable of `fields` and `size` bytes with slots, and a table behind it. */
  const root = (fields: number, size: number, slots: readonly number[] = [], bytes = 64): DataView => {
    const view = new DataView(new ArrayBuffer(bytes));
    view.setUint32(0, 24, true);
    view.setUint16(8, fields, true);
    view.setUint16(10, size, true);
    for (const [i, slot] of slots.entries()) view.setUint16(12 + 2 * i, slot, true);
    view.setInt32(24, 16, true);
    return view;
  };
  test("lists 100,000 tables at most, and no more than its buffer holds", () => {
    const listing = (count: number): DataView => {
      const view = root(6, 8, [4], 64 + 4 * 100_001);
      // The vector is at 40, and each of its tables is the root.
      view.setUint32(28, 12, true);
      view.setUint32(40, count, true);
      for (let i = 0; i < count; i++) view.setUint32(44 + 4 * i, 24 - (44 + 4 * i), true);
      return view;
    };
    expect(() => flatRoot(listing(100_001)).tables(0)).toThrow("lists 100001 tables, more than 100000");
    const short = root(6, 8, [4]);
    short.setUint32(28, 12, true);
    short.setUint32(40, 6, true);
    expect(() => flatRoot(short).tables(0)).toThrow("refers to bytes 44 to 68 of its metadata, which has 64");
    expect(() => flatRoot(short).text(0)).not.toThrow();
  });
});

test("an integer of 64 bits is one that doubles hold", () => {
  const view = new DataView(new ArrayBuffer(9));
  for (const value of [0n, 2n ** 53n - 1n, -(2n ** 53n) + 1n]) {
    view.setBigInt64(1, value, true);
    expect(int64At(view, 1)).toBe(Number(value));
  }
  for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n]) {
    view.setBigInt64(1, value, true);
    expect(() => int64At(view, 1)).toThrow(`holds the number ${Number(value)} at byte 1 of its metadata`);
  }
  expect(() => int64At(view, 2)).toThrow("refers to bytes 2 to 10 of its metadata, which has 9");
});
