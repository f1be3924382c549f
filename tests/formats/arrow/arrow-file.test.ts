// The reader of Arrow's file form. For each rule of schemas, batches and buffers, a file breaks that rule alone.
import { describe, expect, test } from "vitest";
import { ArrowFileError, readArrowFile, readArrowMetadata } from "#formats/arrow/arrow-file.js";
import { bytesSource } from "#formats/bytes/byte-source.js";
import {
  type Batch,
  batchMessage,
  batchOf,
  DICTIONARY,
  type FileParts,
  type Flat,
  field,
  fileOf,
  int,
  messageOf,
  pair,
  schemaOf,
} from "./made.js";

const refusal = (read: () => unknown): string => {
  try {
    read();
    return "whole";
  } catch (error) {
    expect(error).toBeInstanceOf(ArrowFileError);
    expect((error as Error).name).toBe("ArrowFileError");
    return (error as Error).message.replace("it is not a whole Arrow file: ", "");
  }
};
const file = (parts: FileParts) => refusal(() => readArrowFile(fileOf(parts)));
const named = (name: string, of: Flat): Flat => ({ ...of, 0: { text: name } });
const FLOAT = (precision: number): Flat => field(3, { 0: { i16: precision } });
const UTF8 = field(5);

describe("a schema", () => {
  const schema = (...fields: readonly Flat[]) => file({ schema: schemaOf(fields) });
  test("is there, and little-endian", () => {
    expect(file({ schema: undefined })).toBe("it has no schema");
    expect(file({ schema: schemaOf([], { 0: { i16: 1 } }) })).toBe(
      "its numbers are big-endian; little-endian ones are read",
    );
    expect(schema()).toBe("whole");
  });
  test("has columns of numbers, bools and texts", () => {
    const unsigned = (bits: number): Flat => field(2, { 0: { i32: bits }, 1: { i8: 0 } });
    const bits = [8, 16, 32, 64];
    const fields = [...bits.map(int), ...bits.map(unsigned), ...[0, 1, 2].map(FLOAT), UTF8, field(6)];
    expect(readArrowFile(fileOf({ schema: schemaOf(fields) })).fields).toEqual([
      ...bits.map(bits => ({ name: "c", type: `int${bits}`, bits })),
      ...bits.map(bits => ({ name: "c", type: `uint${bits}`, bits })),
      ...[16, 32, 64].map(bits => ({ name: "c", type: `float${bits}`, bits })),
      ...[{ name: "c", type: "string", bits: 32 } as const, { name: "c", type: "bool", bits: 1 } as const],
    ]);
  });
  test("has integers and floats of known widths", () => {
    for (const bits of [0, 24, 128]) expect(schema(int(bits))).toBe(`column \`c\` has integers of ${bits} bits`);
    for (const precision of [-1, 3])
      expect(schema(FLOAT(precision))).toBe(`column \`c\` has floats of precision ${precision}`);
  });
  test.each([
    [0, "None"],
    [1, "Null"],
    [4, "Binary"],
    [7, "Decimal"],
    [8, "Date"],
    [9, "Time"],
    [10, "Timestamp"],
    [11, "Interval"],
    [12, "List"],
    [13, "Struct"],
    [14, "Union"],
    [15, "FixedSizeBinary"],
    [16, "FixedSizeList"],
    [17, "Map"],
    [18, "Duration"],
    [19, "LargeBinary"],
    [20, "LargeUtf8"],
    [21, "LargeList"],
    [22, "type 22"],
    [99, "type 99"],
  ])("has no column of type %i (%s)", (type, name) => {
    expect(schema(int(8), named("d", field(type)))).toBe(`column \`d\` is ${name}, which no column is`);
  });
  test("has no dictionary, and no column without a name or a type", () => {
    const coded = { ...UTF8, 4: { table: { 0: { i64: 7 } } } };
    expect(schema(coded)).toBe("column `c` is Dictionary, which no column is");
    const { 0: _, ...nameless } = int(8);
    expect(schema(nameless)).toBe("a column has no name");
    const { 3: __, ...typeless } = int(8);
    expect(schema(typeless)).toBe("column `c` has no type");
  });
  test("has at most 10,000 columns, whose names take no more bytes than the footer", () => {
    const many = (count: number) => schemaOf(Array<Flat>(count).fill(named("", int(8))));
    expect(file({ schema: many(10_000) })).toBe("whole");
    expect(file({ schema: many(10_001) })).toBe("it has 10001 columns, more than 10000");
    const long = "the names of its columns take more bytes than its footer";
    // Two columns that share a name of 2,000 bytes, and one that has its own.
    const shared = (count: number) => schemaOf(Array<Flat>(count).fill(named("n".repeat(2000), int(8))));
    expect([file({ schema: shared(1) }), file({ schema: shared(2) })]).toEqual(["whole", long]);
  });
  test("that is damaged is named as a file", () => {
    const bytes = fileOf({ schema: schemaOf([int(8)]) });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // The root of the footer, beyond it.
    view.setUint32(8, 2 ** 20, true);
    const message = /^it refers to bytes 1048576 to 1048580 of its metadata, which has \d+$/;
    expect(refusal(() => readArrowFile(bytes))).toMatch(message);
    expect(refusal(() => readArrowMetadata(bytesSource(bytes)))).toMatch(message);
  });
});

describe("a batch", () => {
  const NAMES = { n: int(16), s: UTF8, b: field(6) };
  const schema = schemaOf(Object.entries(NAMES).map(([name, of]) => named(name, of)));
  const offsets = new Uint8Array(Int32Array.of(0, 1, 1, 3, 3, 3, 3, 3, 3, 7).buffer);
  const BUFFERS = [2, 18, 2, 40, 7, 2, 2].map((length, i) => (i === 3 ? offsets : new Uint8Array(length).fill(i + 1)));
  const whole: Batch = {
    rows: 9,
    nodes: [
      [9, 1],
      [9, 0],
      [9, 9],
    ],
    buffers: BUFFERS,
  };
  const read = (batch: Batch, more: Flat = {}) => file({ schema, batches: [batchMessage(batch, more)] });
  const changed = (i: number, buffer: Uint8Array): Batch => ({
    ...whole,
    buffers: BUFFERS.map((old, at) => (at === i ? buffer : old)),
  });

  test("has a piece of each column: marks of nulls, values, texts", () => {
    const [, value = [], , , text = [], , bits = []] = BUFFERS;
    const none = new Uint8Array(0);
    const bytes = fileOf({ schema, batches: [batchMessage(whole), batchMessage(whole)] });
    const pieces = [
      { rows: 9, nulls: 1, validity: BUFFERS[0], values: value, texts: none },
      { rows: 9, nulls: 0, validity: none, values: offsets, texts: text },
      { rows: 9, nulls: 9, validity: BUFFERS[5], values: bits, texts: none },
    ];
    expect(readArrowFile(bytes).columns).toEqual(pieces.map(piece => [piece, piece]));
  });
  test("may have longer buffers, of which the rows take their part, and the older prefix", () => {
    const longer = changed(1, new Uint8Array(24).fill(2));
    const { columns } = readArrowFile(fileOf({ schema, batches: [batchMessage(longer)], ones: false }));
    expect(columns[0]![0]!.values).toEqual(new Uint8Array(18).fill(2));
  });
  test.each([
    [0, "the marks of nulls of column `n` are 1 bytes for 9 rows"],
    [1, "the values of column `n` are 17 bytes for 9 rows"],
    [2, "whole"],
    [3, "the offsets of column `s` are 39 bytes for 9 rows"],
    [4, "the texts of column `s` end at 7 of 6 bytes"],
    [5, "the marks of nulls of column `b` are 1 bytes for 9 rows"],
    [6, "the values of column `b` are 1 bytes for 9 rows"],
  ])("has buffer %i whole: %s", (i, message) => {
    expect(read(changed(i, BUFFERS[i]!.subarray(0, -1)))).toBe(message);
  });
  test("of no rows may have no offsets", () => {
    const nodes = [[0, 0] as const, [0, 0] as const, [0, 0] as const];
    const empty = { rows: 0, nodes, buffers: BUFFERS.map(() => new Uint8Array(0)) };
    const { columns } = readArrowFile(fileOf({ schema, batches: [batchMessage(empty)] }));
    expect(columns.map(([piece]) => [piece!.rows, piece!.values.length])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    const stray = { ...empty, buffers: empty.buffers.map((old, i) => (i === 3 ? Uint8Array.of(9, 9, 9, 9) : old)) };
    expect(read(stray)).toBe("whole");
  });
  test("has the columns of the schema, of its rows", () => {
    const nodes = (...of: Batch["nodes"]) => read({ ...whole, nodes: of });
    expect(nodes([9, 0], [9, 0])).toBe("batch 0 has 2 columns for 3 fields");
    expect(nodes([9, 0], [9, 0], [9, 0], [9, 0])).toBe("batch 0 has 4 columns for 3 fields");
    expect(nodes([9, 0], [8, 0], [9, 0])).toBe("column `s` has 8 rows and 0 nulls in batch 0 of 9 rows");
    expect(nodes([9, 0], [9, 10], [9, 0])).toBe("column `s` has 9 rows and 10 nulls in batch 0 of 9 rows");
    expect(nodes([9, 0], [9, -1], [9, 0])).toBe("column `s` has 9 rows and -1 nulls in batch 0 of 9 rows");
  });
  test("has the buffers of its columns, one after the other inside its body", () => {
    expect(read({ ...whole, buffers: BUFFERS.slice(0, 6) })).toBe("batch 0 has 6 buffers, and its columns need more");
    const body = Buffer.concat(BUFFERS);
    const places = (at: number, offset: number, size: number) => {
      const { 2: member, ...rest } = batchOf(whole);
      const words = [...(member as { readonly words: readonly number[] }).words];
      words.splice(2 * at, 2, offset, size);
      return file({ schema, batches: [messageOf(3, { ...rest, 2: { words, each: 2 } }, body)] });
    };
    const takes = (at: number, from: number, to: number, free: number) =>
      `buffer ${at} of batch 0 takes bytes ${from} to ${to} of ${free} to ${body.length}`;
    expect(places(1, 2, 18)).toBe("whole");
    expect(places(1, 1, 18)).toBe(takes(1, 1, 19, 2));
    expect(places(1, 2, 19)).toBe(takes(2, 20, 22, 21));
    expect(places(6, 71, 2)).toBe("whole");
    expect(places(6, 71, 3)).toBe(takes(6, 71, 74, 71));
    expect(places(6, 72, 2)).toBe(takes(6, 72, 74, 71));
    expect(places(1, 4, -2)).toBe(takes(1, 4, 2, 2));
    expect(places(0, -1, 2)).toBe(takes(0, -1, 1, 0));
    // An empty one may be anywhere.
    expect(places(2, 2 ** 40, 0)).toBe("whole");
  });
  test("is a record batch of the body that the footer has, uncompressed", () => {
    const not = "batch 0 is not the record batch that the footer describes";
    const body = Buffer.concat(BUFFERS);
    expect(file({ schema, batches: [messageOf(DICTIONARY, batchOf(whole), body)] })).toBe(not);
    expect(file({ schema, batches: [messageOf(3, undefined, body)] })).toBe(not);
    expect(file({ schema, batches: [messageOf(3, batchOf(whole), body, { 3: { i64: body.length - 1 } })] })).toBe(not);
    expect(read({ ...whole, more: { 3: { table: { 0: { i8: 0 } } } } })).toBe(
      "its buffers are compressed; uncompressed ones are read",
    );
  });
});

describe("metadata", () => {
  const read = (more: Flat, of: Flat | undefined = schemaOf([int(8)], more)) => [
    ...readArrowMetadata(bytesSource(fileOf({ schema: of }))),
  ];
  const fault = (pairs: readonly Flat[]) =>
    refusal(() => readArrowMetadata(bytesSource(fileOf({ schema: schemaOf([], { 2: { tables: pairs } }) }))));
  test("has the pairs of the schema; the last of a key counts", () => {
    const tables = [pair("a", "1"), pair("é", ""), pair("a", "2"), { 0: { text: "only" } }, { 1: { text: "value" } }];
    expect(read({ 2: { tables } })).toEqual([
      ["a", "2"],
      ["é", ""],
      ["only", ""],
      ["", "value"],
    ]);
    expect(read({})).toEqual([]);
    expect([...readArrowMetadata(bytesSource(fileOf({})))]).toEqual([]);
  });
  test("has at most 1,000 pairs, of no more characters than the footer has bytes", () => {
    expect(fault(Array<Flat>(1000).fill(pair("", "")))).toBe("whole");
    expect(fault(Array<Flat>(1001).fill(pair("", "")))).toBe("its schema has 1001 pairs of metadata, more than 1000");
    const much = "its metadata takes more bytes than its footer";
    const shared = (key: number, value: number) => pair("k".repeat(key), "v".repeat(value));
    const [keys, values] = [shared(2000, 0), shared(0, 2000)];
    expect([fault([keys]), fault([values]), fault([keys, keys]), fault([values, values])]).toEqual([
      ...["whole", "whole", much, much],
    ]);
    expect(fault([pair("x".repeat(2000), "x".repeat(2000))])).toBe(much);
  });
});
