// Pages and footers of Parquet, read by DuckDB: values of each type, nulls, lists and repeated values, in several pages and row groups.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ColumnChunk, printFooter, type RowGroup } from "#formats/tables/parquet-footer.js";
import {
  encodePage,
  type Page,
  type PageValues,
  type ParquetColumn,
  type Texts,
} from "#formats/tables/parquet-page.js";
import { type List, readStruct, type Struct } from "#formats/tables/thrift-compact.js";
import { datatype } from "#triton-protos/datatype.js";
import { toHalves } from "#triton-protos/float16.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-parquet-"));
/** Each has a new name. DuckDB caches parts of a file by its name, and may read old ones of a file that was just replaced. */
let file = "";
let written = 0;
let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(":memory:");
  connection = await instance.connect();
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
  rmSync(folder, { recursive: true });
});
const query = async (sql: string): Promise<Record<string, unknown>[]> =>
  (await connection.runAndReadAll(sql.replaceAll("FILE", `'${file}'`))).getRowObjectsJS() as Record<string, unknown>[];

type Dtype = ParquetColumn["dtype"];
/** A page of one column, and its number of rows. */
interface Made {
  readonly page: Page;
  readonly rows: number;
}

/** Writes row groups of one page or several of each column. */
function write(
  columns: readonly ParquetColumn[],
  groups: readonly (readonly (readonly Made[])[])[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  file = join(folder, `${++written}.parquet`);
  const parts: Uint8Array[] = [Buffer.from("PAR1")];
  let at = 4;
  const made = groups.map((of): RowGroup => {
    const chunks = of.map((pages): ColumnChunk => {
      const offset = at;
      for (const { page } of pages) {
        parts.push(page.bytes);
        at += page.bytes.length;
      }
      const sum = (field: "uncompressed" | "entries") => pages.reduce((all, { page }) => all + page[field], 0);
      return { offset, compressed: at - offset, uncompressed: sum("uncompressed"), entries: sum("entries") };
    });
    return { rows: of[0]!.reduce((all, { rows }) => all + rows, 0), chunks };
  });
  writeFileSync(file, Buffer.concat([...parts, printFooter(columns, made, metadata)]));
}

const texts = (all: readonly string[]): Texts => ({
  bytes: Buffer.from(all.join("")),
  lengths: Int32Array.from(all, text => Buffer.byteLength(text)),
});
const isLong = (dtype: Dtype): boolean => dtype === "int64" || dtype === "uint64";
/** Cells as DuckDB's client returns them → values as the writer takes them. */
function typed(dtype: Dtype, cells: readonly unknown[]): PageValues["values"] {
  if (dtype === "string") return texts(cells as string[]);
  if (dtype === "float16") return toHalves(cells as number[]);
  const { array } = datatype(dtype);
  return isLong(dtype)
    ? (array as BigInt64ArrayConstructor).from(cells as bigint[])
    : (array as Float64ArrayConstructor).from(cells.map(Number));
}
/** In the place of a null. */
const filler = (dtype: Dtype): unknown => (dtype === "string" ? "null" : isLong(dtype) ? 7n : 7);

const range = (bits: number, signed: boolean) => {
  const [min, max] = signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  return fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
};
const long = (signed: boolean) => {
  const [min, max] = signed ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  return fc.oneof(fc.constantFrom(min, max), fc.bigInt({ min, max }));
};
const CELLS: Readonly<Record<Dtype, fc.Arbitrary<unknown>>> = {
  bool: fc.boolean(),
  ...{ int8: range(8, true), int16: range(16, true), int32: range(32, true), int64: long(true) },
  ...{ uint8: range(8, false), uint16: range(16, false), uint32: range(32, false), uint64: long(false) },
  float16: fc.constantFrom(0, -0, 0.5, -2, 65_504, 0.0999755859375, Number.NaN, Number.NEGATIVE_INFINITY),
  ...{ float32: fc.float(), float64: fc.double() },
  // Native code copies texts of more than 64 bytes.
  string: fc.oneof(fc.string({ unit: "grapheme", maxLength: 6 }), fc.constantFrom("x".repeat(64), "yz".repeat(40))),
};
const dtypes = fc.constantFrom(...(Object.keys(CELLS) as Dtype[]));
/** Runs of one byte and of several. */
const count = fc.oneof(fc.nat({ max: 4 }), fc.constantFrom(63, 64, 127, 8192));

interface Case {
  readonly column: ParquetColumn;
  /** Pages of each row group. */
  readonly groups: readonly (readonly { readonly values: PageValues; readonly cells: readonly unknown[] }[])[];
}
const scalar = (column: ParquetColumn) =>
  fc
    .array(fc.tuple(CELLS[column.dtype], fc.nat({ max: 3 }), count), { minLength: 1, maxLength: 20 })
    .chain(rows => fc.tuple(fc.constant(rows), fc.boolean(), fc.boolean()))
    .map(([rows, hasNulls, isRepeated]) => {
      const isNull = (nth: number): boolean => column.nullable === true && hasNulls && rows[nth]![1] === 0;
      const cells = rows.map(([cell], i) => (isNull(i) ? null : cell));
      const counts = isRepeated ? Int32Array.from([1, ...rows.slice(1).map(row => row[2])]) : undefined;
      const values: PageValues = {
        values: typed(
          column.dtype,
          cells.map(cell => cell ?? filler(column.dtype)),
        ),
        ...(column.nullable && hasNulls && { present: Uint8Array.from(cells, cell => (cell === null ? 0 : 1)) }),
        counts,
      };
      return { values, cells: cells.flatMap((cell, i) => new Array<unknown>(counts?.[i] ?? 1).fill(cell)) };
    });

const listed = (column: ParquetColumn) => {
  const item = fc.option(CELLS[column.dtype], { freq: 3 });
  const lists = fc.array(fc.option(fc.array(item, { maxLength: 4 }), { freq: 4 }), { minLength: 1, maxLength: 20 });
  return fc.tuple(lists, fc.boolean()).map(([all, isPresent]) => {
    const cells = all.map(list => list?.map(cell => (isPresent ? cell : (cell ?? filler(column.dtype)))) ?? null);
    const items = cells.flatMap(list => list ?? []);
    const values: PageValues = {
      values: typed(
        column.dtype,
        items.map(cell => cell ?? filler(column.dtype)),
      ),
      ...(isPresent && { present: Uint8Array.from(items, cell => (cell === null ? 0 : 1)) }),
      lengths: Int32Array.from(cells, list => list?.length ?? -1),
    };
    return { values, cells: cells.map(list => list?.map(cell => asRead(column.dtype, cell)) ?? null) };
  });
};
/** A number in the place of a bool is true. */
const asRead = (dtype: Dtype, cell: unknown): unknown => (dtype === "bool" && cell === 7 ? true : cell);

const cases: fc.Arbitrary<Case> = fc.record({ dtype: dtypes, list: fc.boolean(), nullable: fc.boolean() }).chain(of => {
  const column = { name: "x", ...of };
  const pages = fc.array(column.list ? listed(column) : scalar(column), { minLength: 1, maxLength: 3 });
  return fc.array(pages, { minLength: 1, maxLength: 3 }).map(groups => ({ column, groups }) as Case);
});

const SQL_TYPE = (dtype: Dtype): string => (dtype === "float16" ? "FLOAT" : datatype(dtype).duckdb!);

test("a value that is repeated in lists is written as often", async () => {
  const lists = { name: "x", list: true } as const;
  const lengths = Int32Array.of(3, -1, 0, 2);
  const counts = Int32Array.of(2, 0, 3);
  const of = (dtype: Dtype, cells: readonly unknown[]) => ({ values: typed(dtype, cells), lengths, counts });
  for (const [dtype, cells] of [
    ["float32", [0.5, 1, 2]],
    ["string", ["é", "b", "x".repeat(70)]],
    ["int8", [-1, 2, 3]],
  ] as const) {
    write([{ ...lists, dtype }], [[[{ page: encodePage({ ...lists, dtype }, of(dtype, cells)), rows: 4 }]]]);
    const [first, , third] = cells;
    const expected = [[first, first, third], null, [], [third, third]];
    expect((await query("SELECT x FROM FILE")).map(({ x }) => x)).toEqual(expected);
  }
});

describe("a footer", () => {
  const columns: readonly ParquetColumn[] = [
    { name: "time", dtype: "int64", timestamp: true },
    { name: "ü", dtype: "string", nullable: true },
    { name: "small", dtype: "uint8" },
    { name: "list", dtype: "float64", list: true },
  ];
  const times = BigInt64Array.of(0n, 1_700_000_000_000_007n);
  const made = (nth: number): readonly (readonly Made[])[] =>
    [
      { values: times },
      { values: texts(["a", `b${nth}`]) },
      { values: Uint8Array.of(nth, 255) },
      { values: Float64Array.of(nth, 2), lengths: Int32Array.of(2, -1) },
    ].map((values, i) => [{ page: encodePage(columns[i]!, values), rows: 2 }]);
  test("has the schema with its converted and logical types", async () => {
    write(columns, [made(0)]);
    const schema = await query(
      "SELECT name, type, repetition_type, num_children, converted_type, logical_type FROM parquet_schema(FILE)",
    );
    const optional = "OPTIONAL";
    const time = "TimestampType(isAdjustedToUTC=0, unit=TimeUnit(MILLIS=<null>, MICROS=MicroSeconds(), NANOS=<null>))";
    expect(schema.map(row => Object.values(row))).toEqual([
      ["schema", null, null, 4n, null, null],
      ["time", "INT64", "REQUIRED", null, null, time],
      ["ü", "BYTE_ARRAY", optional, null, "UTF8", "StringType()"],
      ["small", "INT32", "REQUIRED", null, "UINT_8", null],
      ["list", null, optional, 1n, "LIST", "ListType()"],
      ["list", null, "REPEATED", 1n, null, null],
      ["element", "DOUBLE", optional, null, null, null],
    ]);
  });
  test("has the sizes of groups and chunks", async () => {
    const groups = [made(0), made(1)];
    write(columns, groups);
    const chunks = await query("SELECT * FROM parquet_metadata(FILE)");
    let at = 4n;
    const expected = groups.flatMap((of, group) =>
      of.map(([{ page }], i) => {
        const offset = at;
        at += BigInt(page.bytes.length);
        const bytes = of.reduce((all, [{ page }]) => all + BigInt(page.uncompressed), 0n);
        return {
          ...{ row_group_id: BigInt(group), row_group_num_rows: 2n, row_group_num_columns: 4n, row_group_bytes: bytes },
          ...{ column_id: BigInt(i), num_values: BigInt(page.entries), compression: "ZSTD" },
          ...{ path_in_schema: ["time", "ü", "small", "list, list, element"][i], encodings: "PLAIN, RLE" },
          ...{ type: ["INT64", "BYTE_ARRAY", "INT32", "DOUBLE"][i], data_page_offset: offset },
          ...{ total_compressed_size: BigInt(page.bytes.length), total_uncompressed_size: BigInt(page.uncompressed) },
        };
      }),
    );
    expect(chunks).toMatchObject(expected);
    // `file_offset` of a chunk, which DuckDB does not show: field 2 of the items of field 1 of a row group.
    const bytes = readFileSync(file);
    const footer = readStruct(bytes.subarray(bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8)));
    const itemsOf = (struct: Struct, field: number) => (struct.get(field)!.value as List).items as readonly Struct[];
    const offsets = itemsOf(footer, 4).flatMap(group => itemsOf(group, 1).map(chunk => chunk.get(2)!.value));
    expect(offsets).toEqual(expected.map(({ data_page_offset }) => Number(data_page_offset)));
  });
});

test("values of each type are read as they were written", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ column, groups }) => {
      write(
        [column],
        groups.map(pages => [
          pages.map(({ values, cells }) => ({ page: encodePage(column, values), rows: cells.length })),
        ]),
      );
      const rows = await query("SELECT x, typeof(x) AS type FROM FILE");
      expect(rows.map(({ x }) => x)).toEqual(groups.flat().flatMap(({ cells }) => cells));
      expect(rows[0]!.type).toBe(`${SQL_TYPE(column.dtype)}${column.list ? "[]" : ""}`);
    }),
    { numRuns: 60 },
  );
}, 120_000);
