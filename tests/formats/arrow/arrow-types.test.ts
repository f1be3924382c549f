// Every type of column: the buffers that it needs in both forms of a file, by Arrow's specification of its layout.
import { Int32, Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { checkArrow } from "#formats/arrow/arrow-check.js";
import { readArrowColumns } from "#formats/arrow/arrow-columns.js";
import { footerOf, readArrowFile } from "#formats/arrow/arrow-file.js";
import { bytesSource } from "#formats/bytes/byte-source.js";
import { printFittedTable } from "#operators/shared/kernel/fitted-table.js";

const words = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

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
