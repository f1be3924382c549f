// Every type of column: the buffers that it needs in both forms of a file, by Arrow's specification of its layout.
import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationMillisecond,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  LargeBinary,
  LargeUtf8,
  List,
  Struct,
  Table,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  TimestampMillisecond,
  tableToIPC,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { checkArrow } from "#formats/arrow/arrow-check.js";
import { readArrowColumns } from "#formats/arrow/arrow-columns.js";
import { footerOf, messageOf, readArrowFile } from "#formats/arrow/arrow-file.js";
import { bytesSource } from "#formats/bytes/byte-source.js";
import { printFittedTable } from "#operators/shared/kernel/fitted-table.js";

const words = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const item = (type: DataType) => new Field("item", type, true);

/** Three rows, the second null, and the bytes of each buffer but those of validity. */
const TYPES: Readonly<Record<string, readonly [DataType, readonly unknown[], readonly number[]]>> = {
  Int8: [new Int8(), [1, null, 3], [3]],
  Int16: [new Int16(), [1, null, 3], [6]],
  Int32: [new Int32(), [1, null, 3], [12]],
  Int64: [new Int64(), [1n, null, 3n], [24]],
  Uint8: [new Uint8(), [1, null, 3], [3]],
  Uint16: [new Uint16(), [1, null, 3], [6]],
  Uint32: [new Uint32(), [1, null, 3], [12]],
  Uint64: [new Uint64(), [1n, null, 3n], [24]],
  Float16: [new Float16(), [1, null, 3], [6]],
  Float32: [new Float32(), [1, null, 3], [12]],
  Float64: [new Float64(), [1, null, 3], [24]],
  Bool: [new Bool(), [true, null, false], [1]],
  Binary: [new Binary(), [Uint8Array.of(1, 2), null, Uint8Array.of(3)], [16, 3]],
  Utf8: [new Utf8(), ["ab", null, "c"], [16, 3]],
  LargeBinary: [new LargeBinary(), [Uint8Array.of(1, 2), null, Uint8Array.of(3)], [32, 3]],
  LargeUtf8: [new LargeUtf8(), ["ab", null, "c"], [32, 3]],
  DateDay: [new DateDay(), [new Date(0), null, new Date(86_400_000)], [12]],
  DateMillisecond: [new DateMillisecond(), [new Date(0), null, new Date(86_400_000)], [24]],
  TimeSecond: [new TimeSecond(), [1, null, 3], [12]],
  TimeMillisecond: [new TimeMillisecond(), [1, null, 3], [12]],
  TimeMicrosecond: [new TimeMicrosecond(), [1n, null, 3n], [24]],
  TimeNanosecond: [new TimeNanosecond(), [1n, null, 3n], [24]],
  TimestampMillisecond: [new TimestampMillisecond(), [1, null, 3], [24]],
  DurationMillisecond: [new DurationMillisecond(), [1n, null, 3n], [24]],
  Decimal: [new Decimal(2, 10, 128), [Uint32Array.of(1, 0, 0, 0), null, Uint32Array.of(2, 0, 0, 0)], [48]],
  FixedSizeBinary: [new FixedSizeBinary(5), [new Uint8Array(5), null, new Uint8Array(5)], [15]],
  List: [new List(item(new Int32())), [[1, 2], null, [3]], [16, 12]],
  FixedSizeList: [new FixedSizeList(2, item(new Int16())), [[1, 2], null, [3, 4]], [12]],
  Struct: [
    new Struct([new Field("a", new Int32(), true), new Field("b", new Int8(), true)]),
    [{ a: 1, b: 2 }, null, { a: 3, b: 4 }],
    [12, 3],
  ],
};
const tableOf = (type: DataType, rows: readonly unknown[]): Table =>
  new Table({ c: vectorFromArray(rows as never[], type as never) as never });

/** Places of the lengths of the batch's buffers in a stream. */
function lengthsOf(bytes: Uint8Array): readonly number[] {
  const first = 8 + words(bytes).getInt32(4, true);
  const { root } = messageOf(bytesSource(bytes), first, 8 + words(bytes).getInt32(first + 4, true));
  const { at, count } = root.table(2)!.structs(2, 16);
  return Array.from({ length: count }, (_, i) => first + 8 + at + 16 * i + 8);
}

describe.each(Object.entries(TYPES))("a column of %s", (_, [type, rows, needed]) => {
  test("has the buffers of its type, and not a byte less", () => {
    const whole = tableToIPC(tableOf(type, rows), "stream");
    expect(() => checkArrow(bytesSource(whole))).not.toThrow();
    expect(() => checkArrow(bytesSource(tableToIPC(tableOf(type, rows), "file")))).not.toThrow();
    const at = (bytes: number) =>
      lengthsOf(whole).filter(place => {
        const copy = Uint8Array.from(whole);
        if (words(copy).getBigInt64(place, true) < BigInt(bytes)) return false;
        words(copy).setBigInt64(place, BigInt(bytes), true);
        try {
          checkArrow(bytesSource(copy));
          return false;
        } catch {
          return true;
        }
      });
    for (const bytes of needed) {
      const enough = lengthsOf(whole).length - at(bytes).length;
      expect(at(bytes - 1).length, `${bytes - 1} of ${bytes} bytes`).toBeGreaterThan(0);
      expect(enough).toBeGreaterThan(0);
    }
    // Each buffer of values, at exactly its bytes.
    const copy = Uint8Array.from(whole);
    const values = lengthsOf(whole).filter(
      place => words(whole).getBigInt64(place, true) >= BigInt(Math.min(...needed)),
    );
    const sizes = [...needed];
    for (const place of values.slice(values.length - needed.length))
      words(copy).setBigInt64(place, BigInt(sizes.shift()!), true);
    expect(() => checkArrow(bytesSource(copy))).not.toThrow();
  });
});

test("a dictionary has the buffers of its values, once", () => {
  const type = new Dictionary(new Utf8(), new Int8(), 7);
  for (const form of ["stream", "file"] as const)
    expect(() => checkArrow(bytesSource(tableToIPC(tableOf(type, ["ab", "c", "ab"]), form)))).not.toThrow();
});

describe("the file form", () => {
  const table = new Table({
    i: vectorFromArray([1, 2, 3], new Int32()),
    s: vectorFromArray(["a", "bc", "d"], new Utf8()),
  });
  const whole = Uint8Array.from(tableToIPC(new Table(table.schema, [...table.batches, ...table.batches]), "file"));
  const { at: end, root } = footerOf(bytesSource(whole));
  const blocks = end + root.structs(3, 24).at;
  const damage = (change: (copy: DataView) => void): readonly [check: string, read: string] => {
    const copy = Uint8Array.from(whole);
    change(words(copy));
    const said = (use: () => unknown): string => {
      try {
        use();
        return "whole";
      } catch (error) {
        return (error as Error).message.replace("it is not a whole Arrow file: ", "");
      }
    };
    return [said(() => checkArrow(bytesSource(copy))), said(() => readArrowFile(copy))];
  };
  const offsetOf = (i: number) => Number(words(whole).getBigInt64(blocks + 24 * i, true));
  const metadataOf = (i: number) => words(whole).getInt32(blocks + 24 * i + 8, true);
  const bodyOf = (i: number) => Number(words(whole).getBigInt64(blocks + 24 * i + 16, true));
  const endOf = (i: number) => offsetOf(i) + metadataOf(i) + bodyOf(i);

  test("is whole as it was written, two batches in any order", () => {
    expect(damage(() => {})).toEqual(["whole", "whole"]);
    expect(root.structs(3, 24).count).toBe(2);
    expect(readArrowFile(whole).columns.map(pieces => pieces.map(({ rows }) => rows))).toEqual([
      [3, 3],
      [3, 3],
    ]);
    const [turned] = damage(copy => {
      for (const [i, other] of [
        [0, 1],
        [1, 0],
      ] as const) {
        copy.setBigInt64(blocks + 24 * i, BigInt(offsetOf(other)), true);
        copy.setInt32(blocks + 24 * i + 8, metadataOf(other), true);
        copy.setBigInt64(blocks + 24 * i + 16, BigInt(bodyOf(other)), true);
      }
    });
    expect(turned).toBe("whole");
  });
  test("has batches inside it, one after the other", () => {
    const set = (i: number, offset: number) => damage(copy => copy.setBigInt64(blocks + 24 * i, BigInt(offset), true));
    for (const said of set(0, 7)) expect(said).toMatch(/takes bytes 7 to \d+, of 8 to \d+/);
    const [check, read] = set(1, offsetOf(0));
    expect(check).toMatch(
      new RegExp(`a batch takes bytes ${offsetOf(0)} to ${offsetOf(0) + metadataOf(1) + bodyOf(1)}, of`),
    );
    expect(read).toMatch(new RegExp(`batch 1 takes bytes ${offsetOf(0)} to .*, of ${endOf(0)} to ${end}`));
    const beyond = offsetOf(1) + end - endOf(1) + 1;
    for (const said of set(1, beyond)) expect(said).toMatch(new RegExp(`takes bytes ${beyond} to ${end + 1}, of `));
    for (const said of damage(copy => copy.setInt32(blocks + 24 + 8, 7, true))) expect(said).toMatch(/takes bytes/);
    for (const said of damage(copy => copy.setBigInt64(blocks + 24 + 16, -8n, true)))
      expect(said).toMatch(/takes bytes/);
  });
  test("has batches of the body that the footer says", () => {
    const [check, read] = damage(copy => copy.setBigInt64(blocks + 24 + 16, BigInt(bodyOf(1) - 8), true));
    expect(check).toBe(`the batch at byte ${offsetOf(1)} is not the one that the footer describes`);
    expect(read).toBe("batch 1 is not the record batch that the footer describes");
  });
  test("begins and ends with its name, and has a footer inside", () => {
    const cut = (bytes: Uint8Array) => () => readArrowFile(bytes);
    expect(cut(whole.subarray(1))).toThrow("it is not an Arrow file: it does not begin with `ARROW1`");
    expect(cut(whole.subarray(0, 17))).toThrow("it is not an Arrow file: it does not begin with `ARROW1`");
    expect(cut(whole.subarray(0, -1))).toThrow("it is not a whole Arrow file: it does not end with `ARROW1`");
    const length = whole.length - 10;
    for (const bytes of [3, -1, length - 7])
      expect(damage(copy => copy.setInt32(length, bytes, true))).toEqual([
        `its footer takes ${bytes} bytes`,
        `its footer takes ${bytes} bytes`,
      ]);
  });
  test("has columns of as many rows as its batches, and no more nulls", () => {
    const { view, root: message } = messageOf(bytesSource(whole), offsetOf(0), metadataOf(0));
    const node = view.byteOffset - whole.byteOffset + message.table(2)!.structs(1, 16).at;
    const set = (at: number, value: bigint) => damage(copy => copy.setBigInt64(node + at, value, true))[1];
    expect(set(0, 2n)).toBe("column `i` has 2 rows and 0 nulls in batch 0 of 3 rows");
    expect(set(8, -1n)).toBe("column `i` has 3 rows and -1 nulls in batch 0 of 3 rows");
    expect(set(8, 4n)).toBe("column `i` has 3 rows and 4 nulls in batch 0 of 3 rows");
    expect(set(16 + 8, 4n)).toBe("column `s` has 3 rows and 4 nulls in batch 0 of 3 rows");
  });
  test("has texts whose offsets rise and end in their bytes", () => {
    const { columns } = readArrowFile(whole);
    const place = columns[1]![0]!.values.byteOffset - whole.byteOffset;
    const offset = (i: number, value: number) => damage(copy => copy.setInt32(place + 4 * i, value, true))[1];
    expect(offset(1, 4)).toBe("text 2 of column `s` begins at 3, before 4");
    expect(offset(0, -1)).toBe("text 0 of column `s` begins at -1, before 0");
    expect(offset(3, 9)).toBe("the texts of column `s` end at 9 of 8 bytes");
    expect(offset(1, 0)).toBe("whole");
  });
});

test("numbers of each type are read as they were printed", () => {
  const numbers = {
    uint8: Uint8Array.of(0, 255),
    uint16: Uint16Array.of(0, 65_535),
    uint32: Uint32Array.of(0, 2 ** 32 - 1),
    uint64: BigUint64Array.of(0n, 2n ** 64n - 1n),
    int8: Int8Array.of(-128, 127),
    int16: Int16Array.of(-32_768, 32_767),
    int32: Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
    int64: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n),
    float32: Float32Array.of(-0, 1e-45),
    float64: Float64Array.of(5e-324, Number.NaN),
    bool: Uint8Array.of(1, 0),
    string: ["né", ""],
  } as const;
  const table = Object.fromEntries(Object.entries(numbers).map(([dtype, values]) => [dtype, { dtype, values }]));
  const read = readArrowColumns(printFittedTable(table as never));
  expect(
    Object.fromEntries(Object.entries(read).map(([name, { dtype, values }]) => [name, { dtype, values }])),
  ).toEqual(table);
});
