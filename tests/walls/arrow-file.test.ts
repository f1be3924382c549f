// Arrow files of fitted folders: each written kind is read as by Apache's reader, and a damaged one ends with a value or an error.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  Field,
  Float64,
  Int32,
  Int64,
  List,
  Schema,
  Table,
  tableFromArrays,
  tableFromIPC,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { Builder } from "flatbuffers";
import { afterAll, describe, expect, test } from "vitest";
import { checkArrow } from "#formats/arrow/arrow-check.js";
import { readArrowColumns } from "#formats/arrow/arrow-columns.js";
import { readArrowMetadata } from "#formats/arrow/arrow-file.js";
import { bytesSource } from "#formats/bytes/byte-source.js";
import { type PrintedColumn, printFittedTable } from "#operators/shared/kernel/fitted-table.js";
import "../needs/built.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-arrow-"));
afterAll(() => rmSync(folder, { recursive: true }));
const dataScript = fileURLToPath(new URL("support/arrow-data-damage.mjs", import.meta.url));
const script = fileURLToPath(new URL("support/arrow-damage.mjs", import.meta.url));

/** A file without rows: a schema with this number of columns, all one table, and this number of metadata pairs. */
function sharedSchema({ columns = 1, pairs = 1 }): Uint8Array {
  const builder = new Builder(1024);
  const name = builder.createString("x");
  const table = (size: number, fill: () => void): number => {
    builder.startObject(size);
    fill();
    return builder.endObject();
  };
  const vectorOf = (count: number, entry: number): number => {
    builder.startVector(4, count, 4);
    for (let i = 0; i < count; i++) builder.addOffset(entry);
    return builder.endVector();
  };
  const int32 = table(2, () => builder.addFieldInt32(0, 32, 0));
  const field = table(7, () => {
    builder.addFieldOffset(0, name, 0);
    builder.addFieldInt8(2, 2, 0);
    builder.addFieldOffset(3, int32, 0);
  });
  const pair = table(2, () => {
    builder.addFieldOffset(0, name, 0);
    builder.addFieldOffset(1, name, 0);
  });
  const [fields, metadata] = [vectorOf(columns, field), vectorOf(pairs, pair)];
  const schema = table(4, () => {
    builder.addFieldOffset(1, fields, 0);
    builder.addFieldOffset(2, metadata, 0);
  });
  builder.finish(table(5, () => builder.addFieldOffset(1, schema, 0)));
  const footer = builder.asUint8Array();
  const length = Buffer.alloc(4);
  length.writeInt32LE(footer.length);
  return Buffer.concat([Buffer.from("ARROW1\0\0"), footer, length, Buffer.from("ARROW1")]);
}

const validity = Uint8Array.of(1, 0, 1, 1, 0);

const NUMBERS: Readonly<Record<string, PrintedColumn["values"]>> = {
  uint8: Uint8Array.of(0, 1, 2, 254, 255),
  uint16: Uint16Array.of(0, 1, 2, 3, 65_535),
  uint32: Uint32Array.of(0, 1, 2, 3, 2 ** 32 - 1),
  uint64: BigUint64Array.of(0n, 1n, 2n, 3n, 2n ** 64n - 1n),
  int8: Int8Array.of(-128, -1, 0, 1, 127),
  int16: Int16Array.of(-32_768, -1, 0, 1, 32_767),
  int32: Int32Array.of(-(2 ** 31), -1, 0, 1, 2 ** 31 - 1),
  int64: BigInt64Array.of(-(2n ** 63n), -1n, 0n, 1n, 2n ** 63n - 1n),
  float32: Float32Array.of(-0, Number.NaN, 1.5, Number.POSITIVE_INFINITY, 1e-45),
  float64: Float64Array.of(-0, Number.NaN, 1.1, Number.NEGATIVE_INFINITY, 5e-324),
  bool: Uint8Array.of(1, 0, 1, 1, 0),
  string: ["", "a", "né", "\u{1f985}", "last"],
};
const TABLES: Readonly<Record<string, Readonly<Record<string, PrintedColumn>>>> = {
  plain: columns(),
  nulls: columns(validity),
  packed: { t: { dtype: "string", values: { offsets: Int32Array.of(0, 1, 1, 3), bytes: Uint8Array.of(97, 98, 99) } } },
  empty: { a: { dtype: "int64", values: new BigInt64Array(0) }, t: { dtype: "string", values: [] } },
};
function columns(validity?: Uint8Array): Record<string, PrintedColumn> {
  return Object.fromEntries(
    Object.entries(NUMBERS).map(([dtype, values]) => [
      `of ${dtype}`,
      { dtype, values, ...(validity && { validity }) } as PrintedColumn,
    ]),
  );
}

const joined = (tables: readonly Table[]): Table =>
  new Table(
    tables[0]!.schema,
    tables.flatMap(table => table.batches),
  );

describe("whole files are read as Apache's reader reads them", () => {
  const check = (bytes: Uint8Array): void => {
    const apache = tableFromIPC(bytes);
    const read = readArrowColumns(bytes);
    expect(Object.keys(read)).toEqual(apache.schema.fields.map(({ name }) => name));
    for (const [name, { values, validity }] of Object.entries(read)) {
      const vector = apache.getChild(name)!;
      expect(values.length).toBe(vector.length);
      expect(validity === undefined).toBe(vector.nullCount === 0);
      for (let i = 0; i < vector.length; i++) {
        const expected = vector.get(i);
        expect(validity?.[i] === 0).toBe(expected === null);
        if (expected !== null) expect(values[i]).toEqual(typeof expected === "boolean" ? Number(expected) : expected);
      }
    }
  };
  test.each(Object.keys(TABLES))("%s", name => check(printFittedTable(TABLES[name]!)));
  test("bytes that begin at an odd place, and several batches", () => {
    const bytes = printFittedTable(TABLES.plain!);
    const moved = new Uint8Array(bytes.length + 1);
    moved.set(bytes, 1);
    check(moved.subarray(1));
    const tables = [0, 100, 117].map(start =>
      tableFromArrays({
        n: Int32Array.from({ length: 17 }, (_, i) => start + i),
        x: Float64Array.from({ length: 17 }, (_, i) => (start + i) / 2),
      }),
    );
    check(tableToIPC(joined(tables), "file"));
  });
  test("other types and a compressed file are refused by name", () => {
    const lists = tableToIPC(tableFromArrays({ l: [[1], [2, 3]] as never }), "file");
    expect(() => readArrowColumns(lists)).toThrow("column `l` is List, which no column is");
    const texts = tableToIPC(tableFromArrays({ t: vectorFromArray(["a", "b", "a"]) as never }), "file");
    expect(() => readArrowColumns(texts)).toThrow("column `t` is Dictionary, which no column is");
    expect(() => readArrowColumns(Buffer.from("PAR1 and what follows"))).toThrow("does not begin with `ARROW1`");
  });
});

describe("a damaged file ends with a value or an error, within bounded CPU", () => {
  test.each(Object.keys(TABLES))(
    "%s: every byte changed, every length",
    async name => {
      const path = join(folder, `${name}.arrow`);
      const bytes = printFittedTable(TABLES[name]!);
      writeFileSync(path, bytes);
      // A hang ends here, by a signal.
      const { stdout } = await promisify(execFile)(process.execPath, ["--max-old-space-size=256", script, path], {
        timeout: 120_000,
        killSignal: "SIGKILL",
      });
      const { read, refused, odd, mostMs } = JSON.parse(stdout) as Record<string, number> & { odd: string[] };
      expect(odd).toEqual([]);
      expect(read! + refused!).toBe(bytes.length * 5);
      expect(refused).toBeGreaterThan(bytes.length);
      // A whole file takes less than 1 ms.
      expect(mostMs).toBeLessThan(500);
    },
    150_000,
  );
  test.each(["file", "stream"] as const)(
    "data of the %s form, as a transform writes it",
    async form => {
      const path = join(folder, `data-${form}.arrow`);
      const table = new Table({
        n: vectorFromArray([1n, null, 3n], new Int64()),
        s: vectorFromArray(["x", null, "yy"], new Utf8()),
        l: vectorFromArray([[1, 2], null, [3]], new List(new Field("item", new Float64(), true))),
      });
      const bytes = tableToIPC(table, form);
      writeFileSync(path, bytes);
      const { stdout } = await promisify(execFile)(process.execPath, ["--max-old-space-size=512", dataScript, path], {
        timeout: 200_000,
        killSignal: "SIGKILL",
      });
      const { read, refused, odd, mostMs } = JSON.parse(stdout) as Record<string, number> & { odd: string[] };
      expect(odd).toEqual([]);
      expect(read! + refused!).toBe(bytes.length + Math.ceil(bytes.length / 5));
      expect(read).toBeGreaterThan(0);
      expect(mostMs).toBeLessThan(1000);
    },
    220_000,
  );
  test("names that columns share, which would multiply a small schema, are refused", () => {
    const name = "n".repeat(1000);
    const fields = Array.from({ length: 20 }, (_, i) => new Field(`${i}`.padEnd(1000, "n"), new Int32(), false));
    const bytes = tableToIPC(new Table(new Schema([...fields, new Field(name, new Int32(), false)]), []), "file");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const footer = bytes.length - 10 - view.getInt32(bytes.length - 10, true);
    // Each field refers to its name by an offset from its own position. Here all use a name whose declared length is the rest of the
    // footer.
    const names = [...bytes.keys()].filter(
      at => at > footer && at < bytes.length - 14 && view.getInt32(at, true) === 1000,
    );
    expect(names.length).toBe(21);
    for (const at of names) view.setInt32(at, bytes.length - 10 - at - 4, true);
    expect(() => readArrowColumns(bytes)).toThrow("the names of its columns take more bytes than its footer");
  });
  test("columns and pairs that are one and the same, four bytes each, are refused before each takes memory", () => {
    const columns = sharedSchema({ columns: 1_000_000 });
    const pairs = sharedSchema({ pairs: 1_000_000 });
    const before = process.memoryUsage.rss();
    for (const [read, bytes, message] of [
      [readArrowColumns, columns, "it has 1000000 columns, more than 10000"],
      [
        (bytes: Uint8Array) => readArrowMetadata(bytesSource(bytes)),
        pairs,
        "its schema has 1000000 pairs of metadata, more than 1000",
      ],
      [(file: Uint8Array) => checkArrow(bytesSource(file)), columns, "it lists 1000000 tables, more than 100000"],
      [(file: Uint8Array) => checkArrow(bytesSource(file)), pairs, "it lists 1000000 tables, more than 100000"],
    ] as const)
      expect(() => read(bytes)).toThrow(message);
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
    expect(Object.keys(readArrowColumns(sharedSchema({})))).toEqual(["x"]);
    expect([...readArrowMetadata(bytesSource(sharedSchema({})))]).toEqual([["x", "x"]]);
  });
  test("batches that share bytes, which would multiply a small file, are refused", () => {
    const bytes = printFittedTable({
      a: { dtype: "int64", values: BigInt64Array.from({ length: 1000 }, (_, i) => BigInt(i)) },
    });
    const two = tableToIPC(joined([tableFromIPC(bytes), tableFromIPC(bytes)]), "file");
    const view = new DataView(two.buffer, two.byteOffset, two.byteLength);
    const footer = two.length - 10 - view.getInt32(two.length - 10, true);
    // A block is the only place that holds the length of the body, 8,000 bytes, twice in the footer.
    const bodies: number[] = [];
    for (let at = footer; at < two.length - 18; at += 4) if (view.getBigInt64(at, true) === 8000n) bodies.push(at - 16);
    expect(bodies.length).toBe(2);
    const [first, second] = bodies.map(at => two.slice(at, at + 24));
    expect(first).not.toEqual(second);
    for (const at of bodies) two.set(first!, at);
    expect(() => readArrowColumns(two)).toThrow(/batch 1 takes bytes \d+ to \d+, of \d+ to \d+/);
  });
});
