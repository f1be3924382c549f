// The buffers of each type of Arrow's Schema.fbs, by its specification: their number, and the bytes that each needs.
import { describe, expect, test } from "vitest";
import { checkArrow } from "#formats/arrow/arrow-check.js";
import { bytesSource } from "#formats/bytes/byte-source.js";
import {
  type Batch,
  batchMessage,
  batchOf,
  DICTIONARY,
  type Flat,
  field,
  fileOf,
  int,
  type Message,
  messageOf,
  pair,
  RECORD_BATCH,
  SCHEMA,
  schemaOf,
  streamOf,
} from "./made.js";

const refusal = (bytes: Uint8Array): string => {
  try {
    checkArrow(bytesSource(bytes));
    return "whole";
  } catch (error) {
    expect((error as Error).name).toBe("ArrowFileError");
    return (error as Error).message
      .replace("it is not a whole Arrow file: ", "")
      .replaceAll(/at byte \d+/g, "at byte N");
  }
};
const streamed = (fields: readonly Flat[], ...batches: readonly Batch[]): Uint8Array =>
  streamOf([messageOf(SCHEMA, schemaOf(fields)), ...batches.map(batch => batchMessage(batch))]);

const unit = (value: number, more: Flat = {}): Flat => ({ 0: { i16: value }, ...more });
const rising = (width: 4 | 8, ...offsets: readonly number[]): Uint8Array =>
  width === 4
    ? new Uint8Array(Int32Array.from(offsets).buffer)
    : new Uint8Array(BigInt64Array.from(offsets, BigInt).buffer);
const free = (bytes: number): Uint8Array => new Uint8Array(bytes);
const children = (...of: readonly Flat[]): Flat => ({ 5: { tables: of } });

/** Nine rows, one of them null: the column, buffers, and nodes of the columns inside it. */
interface Layout {
  readonly of: Flat;
  readonly buffers: readonly Uint8Array[];
  readonly inside?: Batch["nodes"];
  readonly views?: readonly number[];
}
const BITS = free(2);
const TEXTS = [0, 1, 1, 3, 3, 3, 3, 3, 3, 7];
const fixed = (of: Flat, bytes: number): Layout => ({ of, buffers: [BITS, free(bytes)] });
const LAYOUTS: Readonly<Record<string, Layout>> = {
  Null: { of: field(1), buffers: [] },
  ...Object.fromEntries([8, 16, 32, 64].map(bits => [`Int of ${bits} bits`, fixed(int(bits), (9 * bits) / 8)])),
  "Float of 16 bits": fixed(field(3, unit(0)), 18),
  "Float of 32 bits": fixed(field(3, unit(1)), 36),
  "Float of 64 bits": fixed(field(3, unit(2)), 72),
  Binary: { of: field(4), buffers: [BITS, rising(4, ...TEXTS), free(7)] },
  Utf8: { of: field(5), buffers: [BITS, rising(4, ...TEXTS), free(7)] },
  Bool: fixed(field(6), 2),
  Decimal: fixed(field(7), 144),
  "Decimal of 256 bits": fixed(field(7, { 2: { i32: 256 } }), 288),
  "Date in days": fixed(field(8, unit(0)), 36),
  "Date in milliseconds": fixed(field(8, unit(1)), 72),
  "Date by default": fixed(field(8), 72),
  "Time by default": fixed(field(9), 36),
  "Time of 32 bits": fixed(field(9, unit(0, { 1: { i32: 32 } })), 36),
  "Time of 64 bits": fixed(field(9, unit(3, { 1: { i32: 64 } })), 72),
  Timestamp: fixed(field(10, unit(3, { 1: { text: "UTC" } })), 72),
  "Interval in months": fixed(field(11, unit(0)), 36),
  "Interval in days": fixed(field(11, unit(1)), 72),
  "Interval in nanoseconds": fixed(field(11, unit(2)), 144),
  List: {
    of: field(12, {}, children(int(16))),
    ...{ inside: [[7, 0]], buffers: [BITS, rising(4, ...TEXTS), free(0), free(14)] },
  },
  Struct: {
    of: field(13, {}, children(int(8), int(16))),
    ...{ inside: [[9, 0] as const, [9, 1] as const], buffers: [BITS, free(0), free(9), BITS, free(18)] },
  },
  "Struct of nothing": { of: field(13), buffers: [BITS] },
  "sparse Union": {
    of: field(14, unit(0), children(int(8), int(64))),
    ...{ inside: [[9, 0] as const, [9, 0] as const], buffers: [free(9), free(0), free(9), free(0), free(72)] },
  },
  "dense Union": {
    of: field(14, unit(1), children(int(8), int(64))),
    ...{
      inside: [[4, 0] as const, [5, 0] as const],
      buffers: [free(9), free(36), free(0), free(4), free(0), free(40)],
    },
  },
  FixedSizeBinary: fixed(field(15, { 0: { i32: 5 } }), 45),
  FixedSizeList: {
    of: field(16, { 0: { i32: 3 } }, children(int(8))),
    ...{ inside: [[27, 0]], buffers: [BITS, free(0), free(27)] },
  },
  Map: {
    of: field(17, {}, children(field(13, {}, children(int(8), int(8))))),
    ...{
      inside: [[7, 0] as const, [7, 0] as const, [7, 0] as const],
      buffers: [BITS, rising(4, ...TEXTS), free(0), free(0), free(7), free(0), free(7)],
    },
  },
  Duration: fixed(field(18, unit(2)), 72),
  LargeBinary: { of: field(19), buffers: [BITS, rising(8, ...TEXTS), free(7)] },
  LargeUtf8: { of: field(20), buffers: [BITS, rising(8, ...TEXTS), free(7)] },
  LargeList: {
    of: field(21, {}, children(int(16))),
    ...{ inside: [[7, 0]], buffers: [BITS, rising(8, ...TEXTS), free(0), free(14)] },
  },
  BinaryView: { of: field(23), buffers: [BITS, free(144)], views: [0] },
  "Utf8View of two buffers": { of: field(24), buffers: [BITS, free(144), free(3), free(5)], views: [2] },
};
const batch = ({ buffers, inside = [], views }: Layout, more: Partial<Batch> = {}): Batch => ({
  ...{ rows: 9, nodes: [[9, 1], ...inside], buffers },
  ...(views && { views }),
  ...more,
});

describe.each(Object.entries(LAYOUTS))("a column of %s", (_, layout) => {
  const { of, buffers, inside = [], views } = layout;
  test("has its buffers, in both forms and beside others", () => {
    expect(refusal(streamed([of], batch(layout)))).toBe("whole");
    expect(refusal(fileOf({ schema: schemaOf([of]), batches: [batchMessage(batch(layout))] }))).toBe("whole");
    // Twice, so that a buffer too many or too few moves those that follow.
    const twice = {
      ...batch(layout, { nodes: [[9, 1], ...inside, [9, 1], ...inside, [9, 0]] }),
      buffers: [...buffers, ...buffers, free(0), free(9)],
      ...(views && { views: [...views, ...views] }),
    };
    expect(refusal(streamed([of, of, int(8)], twice))).toBe("whole");
  });
  test("has each of the bytes that its rows need", () => {
    buffers.forEach((buffer, i) => {
      const shorter = buffers.map((all, at) => (at === i ? all.subarray(0, -1) : all));
      const isNeeded = buffer.length > 0 && !(views && i > 1);
      expect(refusal(streamed([of], batch(layout, { buffers: shorter })))).toBe(
        isNeeded ? `buffer ${i} of the batch at byte N has ${buffer.length - 1} of ${buffer.length} bytes` : "whole",
      );
    });
    const fewer = batch(layout, { buffers: buffers.slice(0, -1) });
    if (buffers.length > 0)
      expect(refusal(streamed([of], fewer))).toMatch(
        new RegExp(`^the batch at byte N has ${buffers.length - 1} buffers, and needs more$`),
      );
  });
  test("has as many columns inside it as its type says", () => {
    for (let i = 0; i < inside.length; i++)
      expect(refusal(streamed([of], batch(layout, { nodes: [[9, 1], ...inside.slice(0, i)] })))).toBe(
        `the batch at byte N has ${i + 1} columns, and needs more`,
      );
  });
  test("is refused inside a schema without its type", () => {
    const { 3: __, ...untyped } = of;
    expect(refusal(streamed([untyped]))).toBe("a column has no type");
  });
});

describe("items", () => {
  const short = (name: string, nodes: Batch["nodes"]) => {
    const layout = LAYOUTS[name]!;
    return refusal(streamed([layout.of], batch(layout, { nodes: [[9, 1], ...nodes] })));
  };
  test("are as many as their lists and rows refer to", () => {
    const ends = (at: number, items: number) => `lists of the batch at byte N end at ${at} of ${items} items`;
    expect(short("List", [[6, 0]])).toBe(ends(7, 6));
    expect(short("LargeList", [[6, 0]])).toBe(ends(7, 6));
    expect(
      short("Map", [
        [6, 0],
        [6, 0],
        [6, 0],
      ]),
    ).toBe(ends(7, 6));
    expect(short("FixedSizeList", [[26, 0]])).toBe(ends(27, 26));
    expect(
      short("Struct", [
        [8, 0],
        [9, 1],
      ]),
    ).toBe(ends(9, 8));
    expect(
      short("Struct", [
        [9, 0],
        [8, 1],
      ]),
    ).toBe(ends(9, 8));
  });
  test("of large texts end in their bytes, and their offsets rise", () => {
    const of = (...offsets: readonly number[]) => {
      const layout = LAYOUTS.LargeUtf8!;
      return refusal(streamed([layout.of], batch(layout, { buffers: [BITS, rising(8, ...offsets), free(7)] })));
    };
    expect(of(0, 1, 2, 3, 4, 5, 6, 7, 7, 8)).toBe("buffer 2 of the batch at byte N has 7 of 8 bytes");
    expect(of(0, 1, 2, 3, 4, 5, 6, 5, 7, 7)).toBe("offset 7 at byte N is 5, after 6");
  });
  test("of a batch without rows need nothing", () => {
    for (const { of, buffers, inside = [], views } of Object.values(LAYOUTS)) {
      const none = { rows: 0, nodes: [[0, 0], ...inside.map(() => [0, 0] as const)] as Batch["nodes"] };
      const empty = { ...none, buffers: buffers.map(() => free(0)), ...(views && { views }) };
      expect(refusal(streamed([of], empty))).toBe("whole");
    }
  });
});

describe("a type", () => {
  const made = (type: number, of: Flat, more: Flat = {}) => refusal(streamed([field(type, of, more)]));
  test("has integers of 8, 16, 32 or 64 bits", () => {
    for (const bits of [0, 1, 24, 128, -8])
      expect(refusal(streamed([int(bits)]))).toBe(`a column has integers of ${bits} bits`);
  });
  test.each([
    ["Float", 3, 2],
    ["Date", 8, 1],
    ["Time", 9, 3],
    ["Timestamp", 10, 3],
    ["Interval", 11, 2],
    ["Union", 14, 1],
    ["Duration", 18, 3],
  ])("of %s has a unit or a precision from 0 on", (_, type, most) => {
    for (let value = 0; value <= most; value++) expect(made(type, unit(value))).toBe("whole");
    for (const value of [-1, most + 1])
      expect(made(type, unit(value))).toBe(`a column's type has the unit or precision ${value}`);
  });
  test("of lists has one column of items", () => {
    for (const type of [12, 16, 17, 21]) {
      expect(made(type, {})).toBe("a list has 0 columns of items");
      expect(made(type, {}, children(int(8), int(8)))).toBe("a list has 2 columns of items");
    }
  });
  test.each([0, 22, 25, 26, 27, 99])("of number %i is not read", type => {
    expect(made(type, {})).toBe(`a column is of Arrow's type ${type}, which is not read`);
  });
});

describe("a schema", () => {
  const of = (schema: Flat, ...more: readonly Message[]) => refusal(streamOf([messageOf(SCHEMA, schema), ...more]));
  const file = (schema: Flat | undefined, more: Flat = {}) => refusal(fileOf({ schema, more }));
  const long = (bytes: number): string => "x".repeat(bytes);
  const MOST = 16 * 2 ** 20;
  const names = `its schema has more than ${MOST} bytes of names and metadata`;

  test("is little-endian, in both forms", () => {
    const big = schemaOf([], { 0: { i16: 1 } });
    const fault = "its numbers are big-endian; little-endian ones are read";
    expect([of(big), file(big)]).toEqual([fault, fault]);
    expect(of(schemaOf([], { 0: { i16: 0 } }))).toBe("whole");
  });
  test("is there, once", () => {
    expect(file(undefined)).toBe("it has no schema");
    expect(refusal(streamOf([messageOf(SCHEMA, undefined)]))).toBe("it has no schema, or several");
    expect(of(schemaOf([]), messageOf(SCHEMA, schemaOf([])))).toBe("it has no schema, or several");
  });
  test("has metadata that is counted, its own and that of columns, keys and values", () => {
    const half = long(MOST / 2);
    expect(of(schemaOf([], { 2: { tables: [pair(half, half)] } }))).toBe("whole");
    expect(of(schemaOf([], { 2: { tables: [pair(half, half), pair("k", "")] } }))).toBe(names);
    expect(of(schemaOf([], { 2: { tables: [pair(half, half), pair("", "v")] } }))).toBe(names);
    const noted = { ...int(8), 0: { text: "" }, 6: { tables: [pair(half, half)] } };
    expect(of(schemaOf([noted]))).toBe("whole");
    expect(of(schemaOf([noted], { 2: { tables: [pair("k", "")] } }))).toBe(names);
  });
  const many = "it has more than 100000 columns, or columns nested more than 64 deep";
  test("has columns inside columns, 64 deep", () => {
    const deep = (depth: number): Flat => (depth === 0 ? int(8) : field(12, {}, children(deep(depth - 1))));
    expect(of(schemaOf([deep(64)]))).toBe("whole");
    expect(of(schemaOf([deep(65)]))).toBe(many);
  });
});

describe("a dictionary", () => {
  const index = (bits: number | undefined, id: number): Flat => ({
    4: { table: { 0: { i64: id }, ...(bits && { 1: { table: { 0: { i32: bits } } } }) } },
  });
  const coded = (bits: number | undefined, id = 7): Flat => field(5, {}, index(bits, id));
  const values: Batch = { rows: 2, nodes: [[2, 0]], buffers: [free(0), rising(4, 0, 1, 3), free(3)] };
  const dictionary = (of: Batch | undefined, id = 7): Message =>
    messageOf(
      DICTIONARY,
      { 0: { i64: id }, ...(of && { 1: { table: batchOf(of) } }) },
      of && Buffer.concat(of.buffers),
    );
  const codes = (bytes: number): Batch => ({ rows: 9, nodes: [[9, 0]], buffers: [free(0), free(bytes)] });
  const of = (field: Flat, ...messages: readonly Message[]) =>
    refusal(streamOf([messageOf(SCHEMA, schemaOf([field])), ...messages]));

  test.each([
    [undefined, 4],
    [8, 1],
    [16, 2],
    [32, 4],
    [64, 8],
  ])("has numbers of %s bits in its column", (bits, width) => {
    expect(of(coded(bits), dictionary(values), batchMessage(codes(9 * width)))).toBe("whole");
    expect(of(coded(bits), dictionary(values), batchMessage(codes(9 * width - 1)))).toBe(
      `buffer 1 of the batch at byte N has ${9 * width - 1} of ${9 * width} bytes`,
    );
  });
  test("has the buffers of its values, in both forms", () => {
    const shorter = { ...values, buffers: [free(0), rising(4, 0, 1, 3), free(2)] };
    const fault = "buffer 2 of the batch at byte N has 2 of 3 bytes";
    const file = (of: Batch) => refusal(fileOf({ schema: schemaOf([coded(8)]), dictionaries: [dictionary(of)] }));
    expect([of(coded(8), dictionary(values)), file(values)]).toEqual(["whole", "whole"]);
    expect([of(coded(8), dictionary(shorter)), file(shorter)]).toEqual([fault, fault]);
  });
  test("is that of a column, by its number, and has values", () => {
    const other = coded(8, 9);
    const both = streamOf([messageOf(SCHEMA, schemaOf([coded(8), other])), dictionary(values), dictionary(values, 9)]);
    expect(refusal(both)).toBe("whole");
    expect(of(coded(8), dictionary(values, 8))).toBe("the dictionary at byte N is that of no column (8)");
    expect(of(coded(8), dictionary(undefined))).toBe("the dictionary at byte N is that of no column (7)");
  });
});

describe("a batch", () => {
  const layout = LAYOUTS["Int of 8 bits"]!;
  const one = batch(layout);
  const schema = messageOf(SCHEMA, schemaOf([layout.of]));
  const of = (...messages: readonly Message[]) => refusal(streamOf([schema, ...messages]));
  const file = (...batches: readonly Message[]) => refusal(fileOf({ schema: schemaOf([layout.of]), batches }));

  test("is a record batch or a dictionary, with a header", () => {
    for (const kind of [0, 4, 5]) {
      const message = messageOf(kind, batchOf(one), Buffer.concat(one.buffers));
      const fault = `the message at byte N is of kind ${kind}`;
      expect([of(message), file(message)]).toEqual([fault, fault]);
    }
    for (const kind of [DICTIONARY, RECORD_BATCH])
      expect(of(messageOf(kind, undefined))).toBe(`the message at byte N is of kind ${kind}`);
  });
  test("is not compressed", () => {
    const compressed = { ...one, more: { 3: { table: { 0: { i8: 1 } } } } };
    const fault = "its buffers are compressed; uncompressed ones are read";
    expect([of(batchMessage(compressed)), file(batchMessage(compressed))]).toEqual([fault, fault]);
  });
  test("has as many rows as its bytes may hold, or 65,536 that take none", () => {
    const nothing = (rows: number, bytes: number) =>
      refusal(
        streamOf([
          messageOf(SCHEMA, schemaOf([field(1)])),
          messageOf(RECORD_BATCH, batchOf({ rows, nodes: [[rows, 0]], buffers: [] }), free(bytes)),
        ]),
      );
    for (const bytes of [0, 3]) {
      const most = 65_536 + 8 * bytes;
      expect(nothing(most, bytes)).toBe("whole");
      expect(nothing(most + 1, bytes)).toBe(`the batch at byte N has ${most + 1} rows in ${bytes} bytes`);
    }
    expect(nothing(-1, 3)).toBe("the batch at byte N has -1 rows in 3 bytes");
  });
  test("has rows and nulls from 0 on, and no more nulls than rows", () => {
    const node = (rows: number, nulls: number) => of(batchMessage({ ...one, nodes: [[rows, nulls]] }));
    const fault = (rows: number, nulls: number) =>
      `a column of the batch at byte N has ${rows} rows and ${nulls} nulls`;
    expect(node(9, 9)).toBe("whole");
    for (const [rows, nulls] of [
      [-1, 0],
      [-1, -1],
      [9, -1],
      [9, 10],
    ] as const)
      expect(node(rows, nulls)).toBe(fault(rows, nulls));
  });
  test("counts its buffers of views", () => {
    const views = LAYOUTS["Utf8View of two buffers"]!;
    const counted = (count: readonly number[] | undefined) => {
      const { views: _, ...rest } = batch(views);
      return refusal(streamed([views.of], { ...rest, ...(count && { views: count }) }));
    };
    expect(counted(undefined)).toBe("the batch at byte N does not count its buffers of views");
    expect(counted([])).toBe("the batch at byte N does not count its buffers of views");
    expect(counted([3])).toBe("the batch at byte N has 4 buffers, and needs more");
    for (const count of [2, 1, 0, -1]) expect(counted([count])).toBe("whole");
  });
});

describe("a stream", () => {
  const layout = LAYOUTS["Int of 8 bits"]!;
  const messages = [messageOf(SCHEMA, schemaOf([layout.of])), batchMessage(batch(layout))];
  const first = streamOf(messages.slice(0, 1)).length;
  const whole = streamOf(messages);
  test("ends where a prefix does not fit, or at one of length 0", () => {
    for (const more of [[], [1], [1, 2, 3], [0, 0, 0, 0], [0, 0, 0, 0, 9, 9], [255, 255, 255, 255, 0, 0, 0, 0]])
      expect(refusal(Buffer.concat([whole, Buffer.from(more)]))).toBe("whole");
    for (const more of [
      [255, 255, 255, 255],
      [255, 255, 255, 255, 9],
      [255, 255, 255, 255, 9, 0, 0],
    ])
      expect(refusal(Buffer.concat([whole, Buffer.from(more)]))).toBe("it is cut short");
  });
  test("has bodies as long as they say", () => {
    const cut = refusal(whole.subarray(0, -1));
    expect(cut).toBe("the batch at byte N takes 11 bytes, and 10 follow");
    const negative = { ...messages[1]!, of: { ...messages[1]!.of, 3: { i64: -1 } } as Flat };
    expect(refusal(streamOf([messages[0]!, negative]))).toBe("the batch at byte N takes -1 bytes, and 11 follow");
    expect(refusal(whole.subarray(0, first))).toBe("whole");
  });
  test("begins with a schema", () => {
    expect(refusal(streamOf(messages.slice(1)))).toBe("it does not begin with a schema");
    expect(refusal(new Uint8Array(0))).toBe("it has no schema, as an empty file");
    expect(refusal(Uint8Array.of(1, 2, 3))).toBe("it has no schema, as an empty file");
  });
});
