// Types of Parquet's columns by each way that writers describe them (parquet.thrift), nested columns, and footers that are damaged.
import { describe, expect, test } from "vitest";
import { bytesSource } from "#formats/bytes/byte-source.js";
import { readParquetColumns } from "#formats/tables/parquet-columns.js";
import { type Field, printStruct, type Struct, TYPE } from "#formats/tables/thrift-compact.js";

const i32 = (value: number): Field => ({ type: TYPE.i32, value });
const struct = (...fields: readonly (readonly [number, Field])[]): Field => ({
  type: TYPE.struct,
  value: new Map(fields),
});
const text = (value: string): Field => ({ type: TYPE.binary, value: Buffer.from(value) });

interface Element {
  readonly name?: string;
  readonly type?: number;
  readonly repetition?: number;
  readonly children?: number;
  readonly converted?: number;
  readonly logical?: Field;
}
const element = ({ name = "x", type, repetition = 0, children, converted, logical }: Element): Struct =>
  new Map<number, Field>([
    ...(type === undefined ? [] : [[1, i32(type)] as const]),
    [3, i32(repetition)],
    [4, text(name)],
    ...(children === undefined ? [] : [[5, i32(children)] as const]),
    ...(converted === undefined ? [] : [[6, i32(converted)] as const]),
    ...(logical === undefined ? [] : [[10, logical] as const]),
  ]);
/** The end of a file, after some bytes of data. */
function ended(footer: Uint8Array, { length = footer.length, magic = "PAR1", before = 4 } = {}): Uint8Array {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(length);
  return Buffer.concat([Buffer.alloc(before, "PAR1"), footer, size, Buffer.from(magic)]);
}
const footer = (elements: readonly Element[], rows?: number): Uint8Array =>
  printStruct(
    new Map<number, Field>([
      [2, { type: TYPE.list, value: { type: TYPE.struct, items: [{ name: "schema" }, ...elements].map(element) } }],
      ...(rows === undefined ? [] : [[3, { type: TYPE.i64, value: rows }] as const]),
    ]),
  );
const read = (bytes: Uint8Array) => readParquetColumns(bytesSource(bytes));
const columns = (...elements: readonly Element[]) =>
  read(ended(footer(elements))).columns.map(({ name, type, dtype }) => [name, type, dtype]);
const typeOf = (of: Element) => {
  const [[, type, dtype] = []] = columns(of);
  return dtype === undefined ? [type] : [type, dtype];
};
const both = (type: string) => [type, type];

describe("a type", () => {
  test.each([
    [0, both("bool")],
    [1, both("int32")],
    [2, both("int64")],
    [3, ["INT96"]],
    [4, both("float32")],
    [5, both("float64")],
    [6, ["BYTE_ARRAY"]],
    [7, ["FIXED_LEN_BYTE_ARRAY"]],
    [8, ["a type of its own"]],
  ])("of number %i", (type, expected) => {
    expect(typeOf({ type })).toEqual(expected);
  });
  test.each([
    [0, both("string")],
    [1, ["MAP"]],
    [2, ["MAP_KEY_VALUE"]],
    [3, ["LIST"]],
    [4, both("string")],
    [5, ["DECIMAL"]],
    [6, ["DATE"]],
    [7, ["TIME_MILLIS"]],
    [8, ["TIME_MICROS"]],
    [9, ["TIMESTAMP_MILLIS"]],
    [10, ["TIMESTAMP_MICROS"]],
    [11, both("uint8")],
    [12, both("uint16")],
    [13, both("uint32")],
    [14, both("uint64")],
    [15, both("int8")],
    [16, both("int16")],
    [17, both("int32")],
    [18, both("int64")],
    [19, ["JSON"]],
    [20, ["BSON"]],
    [21, ["INTERVAL"]],
    [22, ["BYTE_ARRAY"]],
  ])("that was converted to number %i", (converted, expected) => {
    expect(typeOf({ type: 6, converted })).toEqual(expected);
  });
  const integer = (bits: number, signed: boolean) =>
    struct([10, struct([1, { type: TYPE.byte, value: bits }], [2, { type: TYPE.false, value: signed }])]);
  test.each([
    [8, true, both("int8")],
    [8, false, both("uint8")],
    [16, false, both("uint16")],
    [32, false, both("uint32")],
    [64, true, both("int64")],
    [64, false, both("uint64")],
    [24, true, ["int24"]],
  ])("that is a logical integer of %i bits, signed: %s", (bits, signed, expected) => {
    expect(typeOf({ type: 1, logical: integer(bits, signed) })).toEqual(expected);
    // The logical type is the newer description of the two.
    expect(typeOf({ type: 1, converted: 6, logical: integer(bits, signed) })).toEqual(expected);
  });
  test("that is another logical one", () => {
    for (const field of [1, 4]) expect(typeOf({ type: 6, logical: struct([field, struct()]) })).toEqual(both("string"));
    expect(typeOf({ type: 2, logical: struct([8, struct()]) })).toEqual(["a logical type of int64"]);
    expect(typeOf({ type: 2, converted: 10, logical: struct([8, struct()]) })).toEqual(["TIMESTAMP_MICROS"]);
    expect(typeOf({ logical: struct([8, struct()]) })).toEqual(["a logical type of a type of its own"]);
    expect(typeOf({ type: 2, logical: struct() })).toEqual(both("int64"));
    expect(typeOf({ type: 2, logical: i32(1) })).toEqual(both("int64"));
  });
});

describe("a column", () => {
  const NESTED = "a list or a record";
  test("that is repeated, or has others inside, is none of a table", () => {
    expect(columns({ name: "a", type: 1, repetition: 2 }, { name: "b", type: 1, repetition: 1 })).toEqual([
      ["a", NESTED, undefined],
      ["b", ...both("int32")],
    ]);
    expect(columns({ name: "a", children: 1 }, { name: "inside", type: 1 }, { name: "b", type: 5 })).toEqual([
      ["a", NESTED, undefined],
      ["b", ...both("float64")],
    ]);
  });
  test("may be nested deeply; what follows is the next", () => {
    const inside = [
      { name: "x", children: 2 },
      { name: "y", type: 1 },
      { name: "z", children: 1 },
      { name: "w", type: 1 },
    ];
    expect(columns({ name: "a", children: 2 }, ...inside, { name: "v", type: 1 }, { name: "é", type: 0 })).toEqual([
      ["a", NESTED, undefined],
      ["é", ...both("bool")],
    ]);
  });
});

describe("a footer", () => {
  const not = "it is not a whole Parquet file:";
  test("has the number of rows, 0 if it does not say", () => {
    expect(read(ended(footer([], 2 ** 40))).rows).toBe(2 ** 40);
    expect(read(ended(footer([])))).toEqual({ columns: [], rows: 0 });
  });
  test("that ends otherwise, or is longer than its file or than any", () => {
    const bytes = footer([{ type: 1 }]);
    expect(() => read(ended(bytes, { magic: "PARE" }))).toThrow(`${not} it does not end with \`PAR1\``);
    for (const size of [0, 8, 11]) expect(() => read(ended(bytes).subarray(-size || Infinity))).toThrow("`PAR1`");
    // As long as the file with its two marks and its own length.
    expect(read(ended(bytes)).columns).toHaveLength(1);
    expect(() => read(ended(bytes, { length: bytes.length + 1 }))).toThrow(
      `${not} its footer takes ${bytes.length + 1} bytes`,
    );
    const most = 64 * 2 ** 20;
    const huge = ended(new Uint8Array(most + 1));
    expect(() => read(huge)).toThrow(`${not} its footer takes ${most + 1} bytes`);
    expect(() => read(ended(new Uint8Array(most)))).toThrow(`${not} it has no schema`);
  });
  test("without a schema, or with one of something else", () => {
    const of = (field?: Field) => () => read(ended(printStruct(new Map(field && [[2, field]]))));
    const none = `${not} it has no schema`;
    expect(of()).toThrow(none);
    expect(of({ type: TYPE.list, value: { type: TYPE.struct, items: [] } })).toThrow(none);
    expect(of({ type: TYPE.list, value: { type: TYPE.i32, items: [1] } })).toThrow(none);
    expect(of(i32(7))).toThrow(none);
  });
});
