// Reads the columns of a table of attributes. A file that is cut or damaged is refused.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bytesSource } from "#formats/bytes/byte-source.js";
import { KEY_COLUMN, readAttributeColumns } from "#formats/tables/attribute-table.js";
import { readParquetColumns } from "#formats/tables/parquet-columns.js";
import { printFittedTable } from "#operators/shared/kernel/fitted-table.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-table-"));
afterAll(() => rmSync(folder, { recursive: true }));

// Written by pyarrow 26.
const PARQUET = join(import.meta.dirname, "../../samples/artefacts/tables/items.parquet");

test("Parquet", () => {
  const { format, columns } = readAttributeColumns(PARQUET);
  expect(format).toBe("parquet");
  expect(columns[0]!.name).toBe(KEY_COLUMN);
  expect(columns.map(({ name, dtype, type }) => [name, dtype, type])).toEqual([
    ["item_id", "int64", "int64"],
    ["stock", "int32", "int32"],
    ["price", "float32", "float32"],
    ["country", "string", "string"],
    ["adult", "bool", "bool"],
    ["added", undefined, "TIMESTAMP_MICROS"],
    ["tags", undefined, "a list or a record"],
  ]);
});

test("Arrow", () => {
  const file = join(folder, "items.arrow");
  writeFileSync(
    file,
    printFittedTable({
      item_id: { dtype: "int64", values: BigInt64Array.of(1n) },
      country: { dtype: "string", values: ["de"] },
    }),
  );
  expect(readAttributeColumns(file)).toEqual({
    format: "arrow",
    columns: [
      { name: "item_id", dtype: "int64", type: "int64" },
      { name: "country", dtype: "string", type: "string" },
    ],
  });
});

describe("damage", () => {
  const whole = readFileSync(PARQUET);
  test("cut anywhere", () => {
    for (let length = 0; length < whole.length; length += 7)
      expect(() => readParquetColumns(bytesSource(whole.subarray(0, length))), `${length} bytes`).toThrow(
        /^it is not a whole Parquet file: /,
      );
  });
  test("a byte of the footer changed: columns, or a refusal", () => {
    const footer = whole.length - 8 - whole.readUInt32LE(whole.length - 8);
    for (let at = footer; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x55;
      try {
        expect(readParquetColumns(bytesSource(bytes)).columns.length).toBeLessThan(200);
      } catch (error) {
        expect((error as Error).message).toMatch(/^it is not a whole Parquet file: /);
      }
    }
  });
  test("neither Parquet nor Arrow", () => {
    const file = join(folder, "text.parquet");
    writeFileSync(file, "item_id,stock\n1,2\n");
    expect(() => readAttributeColumns(file)).toThrow("it is not an Arrow file: it does not begin with `ARROW1`");
  });
});
