// Arrow files of one batch and of several, as apache-arrow writes them.
import {
  Bool,
  type DataType,
  DateDay,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  Table,
  tableFromArrays,
  tableToIPC,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dtypeOf, readArrowColumns, readArrowTexts } from "#formats/arrow/arrow-columns.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { plain } from "../../operators/step.js";
import { type Batch, batchMessage, type Flat, field, fileOf, int, schemaOf } from "./made.js";

const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { freq: 4 });
const row = fc.record({
  i: maybe(fc.integer()),
  n: maybe(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  d: maybe(fc.double({ noNaN: true })),
  b: maybe(fc.boolean()),
  s: maybe(fc.string({ unit: fc.constantFrom("a", "b", "ü", "\0"), maxLength: 4 })),
});
const TYPES = { i: new Int32(), n: new Int64(), d: new Float64(), b: new Bool(), s: new Utf8() };
const NAMES = Object.keys(TYPES) as (keyof typeof TYPES)[];

test("each column has its values and nulls, whatever the batches", () => {
  // More than eight rows of a batch, so that bits are in several bytes.
  const batches = fc.array(fc.array(row, { minLength: 1, maxLength: 20, size: "max" }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(batches, all => {
      const tables = all.map(rows =>
        tableFromArrays(
          Object.fromEntries(
            NAMES.map(name => [name, vectorFromArray(rows.map(of => of[name]) as never[], TYPES[name] as never)]),
          ) as never,
        ),
      );
      const schema = tables[0]!.schema;
      const bytes = tableToIPC(new Table(schema, ...tables.flatMap(table => table.batches)) as never, "file");
      const columns = readArrowColumns(bytes);
      const rows = all.flat();
      for (const name of NAMES) {
        const expected = rows.map(of => (name === "b" && of.b !== null ? Number(of.b) : of[name]));
        expect([name, plain({ ...columns[name]!, rows: rootRows(rows.length) })]).toEqual([name, expected]);
        expect(columns[name]!.validity !== undefined).toBe(expected.includes(null));
      }
    }),
    { numRuns: 200 },
  );
});

const texts = (offsets: readonly number[], bytes: Uint8Array, nulls?: Uint8Array): Batch => ({
  rows: offsets.length - 1,
  nodes: [[offsets.length - 1, nulls ? 1 : 0]],
  buffers: [nulls ?? new Uint8Array(0), new Uint8Array(Int32Array.from(offsets).buffer), bytes],
});
const fileWith = (of: Flat, ...batches: readonly Batch[]): Uint8Array =>
  fileOf({ schema: schemaOf([of]), batches: batches.map(batch => batchMessage(batch)) });
/** The same bytes at another place of a larger buffer. */
const moved = (bytes: Uint8Array, by: number): Uint8Array => {
  const room = new Uint8Array(bytes.length + 16);
  room.set(bytes, by);
  return room.subarray(by, by + bytes.length);
};
const UTF8 = field(5);

describe("texts", () => {
  test("begin where their first offset says, in ASCII and not, and nulls are empty", () => {
    const read = (...batches: readonly Batch[]) => readArrowColumns(fileWith(UTF8, ...batches)).c!;
    const ascii = Buffer.from("--abcd--");
    expect(read(texts([2, 3, 3, 6], ascii)).values).toEqual(["a", "", "bcd"]);
    expect(read(texts([2, 4, 4, 6], Buffer.from("--éü--"))).values).toEqual(["é", "", "ü"]);
    const { values, validity } = read(texts([2, 3, 5, 6], ascii, Uint8Array.of(0b101)));
    expect([values, [...validity!]]).toEqual([
      ["a", "", "d"],
      [1, 0, 1],
    ]);
    const wide = texts(
      Array.from({ length: 11 }, (_, i) => i),
      Buffer.from("0123456789"),
      Uint8Array.of(255, 0b01),
    );
    expect(read(wide).values).toEqual([..."012345678", ""]);
    expect(read(texts([0, 1], ascii), texts([2, 4], Buffer.from("--é"))).values).toEqual(["-", "é"]);
    expect(readArrowColumns(fileWith(UTF8)).c!.values).toEqual([]);
    // The first offset is larger than the rest of the file.
    expect(read(texts([9000, 9001], Buffer.alloc(9001, "a"))).values).toEqual(["a"]);
    const none = { rows: 0, nodes: [[0, 0]], buffers: Array<Uint8Array>(3).fill(new Uint8Array(0)) } as Batch;
    expect(read(none).values).toEqual([]);
    expect(read(none, texts([0, 1], ascii), none).values).toEqual(["-"]);
  });

  const read = (bytes: Uint8Array, name = "c") => readArrowTexts(bytes, name);
  test("that are not decoded have their offsets and bytes, wherever the file is in memory", () => {
    const bytes = Buffer.from("--éab--");
    const file = fileWith(UTF8, texts([2, 4, 4, 6], bytes));
    for (let by = 0; by < 8; by++) {
      const found = read(moved(file, by))!;
      expect([[...found.offsets], Buffer.from(found.bytes)]).toEqual([[2, 4, 4, 6], bytes]);
    }
    // Bytes that no text has are not looked at.
    expect(read(fileWith(UTF8, texts([1, 2], Buffer.of(255, 97, 255))))!.offsets).toHaveLength(2);
    expect(read(fileWith(UTF8, texts([0, 1, 1, 1], Buffer.of(97, 0x80))))!.offsets).toHaveLength(4);
  });
  test("that are not UTF-8, or are cut inside a character, are decoded", () => {
    expect(read(fileWith(UTF8, texts([0, 1], Buffer.of(255))))).toBeUndefined();
    expect(read(fileWith(UTF8, texts([0, 1, 2], Buffer.from("é"))))).toBeUndefined();
    expect(read(fileWith(UTF8, texts([0, 3, 4, 5], Buffer.from("abéc"))))).toBeUndefined();
    expect(read(fileWith(UTF8, texts([0, 2, 4, 5], Buffer.from("abéc"))))!.offsets).toHaveLength(4);
  });
  test("of another column, with nulls, without rows, or of several batches are decoded", () => {
    const one = texts([0, 1], Buffer.from("a"));
    expect(read(fileWith(UTF8, one))).toBeDefined();
    expect(read(fileWith(UTF8, one), "d")).toBeUndefined();
    expect(read(fileWith(UTF8, texts([0, 1], Buffer.from("a"), Uint8Array.of(0))))).toBeUndefined();
    expect(read(fileWith(UTF8, texts([0], new Uint8Array(0))))).toBeUndefined();
    expect(read(fileWith(UTF8))).toBeUndefined();
    expect(read(fileWith(UTF8, one, one))).toBeUndefined();
    const number: Batch = { rows: 1, nodes: [[1, 0]], buffers: [new Uint8Array(0), Uint8Array.of(1, 0, 0, 0)] };
    expect(read(fileWith(int(32), number))).toBeUndefined();
    const two = fileOf({
      schema: schemaOf([{ ...int(32), 0: { text: "n" } }, UTF8]),
      batches: [
        batchMessage({
          rows: 1,
          nodes: [
            [1, 0],
            [1, 0],
          ],
          buffers: [...number.buffers, ...one.buffers],
        }),
      ],
    });
    expect([...read(two)!.bytes]).toEqual([97]);
    expect(read(two, "n")).toBeUndefined();
  });
});

test("numbers are views of the file if they begin at a multiple of their size, and copies if not", () => {
  const values = new Uint8Array(BigInt64Array.of(1n, -2n).buffer);
  const file = fileWith(int(64), { rows: 2, nodes: [[2, 0]], buffers: [new Uint8Array(0), values] });
  const places = Array.from({ length: 8 }, (_, by) => {
    const bytes = moved(file, by);
    const { values: read } = readArrowColumns(bytes).c!;
    expect(read).toEqual(BigInt64Array.of(1n, -2n));
    return (read as BigInt64Array).buffer === bytes.buffer;
  });
  // One place in eight is a multiple.
  expect(places.filter(Boolean)).toHaveLength(1);
});

test("types are named as dtypes are, and those that no column has are refused", () => {
  const types: readonly (readonly [string, DataType])[] = [
    ...[new Int8(), new Int16(), new Int32(), new Int64()].map((type, i) => [`int${8 << i}`, type] as const),
    ...[new Uint8(), new Uint16(), new Uint32(), new Uint64()].map((type, i) => [`uint${8 << i}`, type] as const),
    ...([
      ["float32", new Float32()],
      ["float64", new Float64()],
      ["bool", new Bool()],
      ["string", new Utf8()],
    ] as const),
  ];
  for (const [name, type] of types) expect(dtypeOf(type)).toBe(name);
  expect(() => dtypeOf(new Float16())).toThrow("its values are float16, which no column is");
  expect(() => dtypeOf(new DateDay())).toThrow(/^its values are Date32<DAY>, which no column is$/);
  const halves: Batch = { rows: 1, nodes: [[1, 0]], buffers: [new Uint8Array(0), new Uint8Array(2)] };
  expect(() => readArrowColumns(fileWith(field(3, { 0: { i16: 0 } }), halves))).toThrow(
    "its values are float16, which no column is",
  );
});
