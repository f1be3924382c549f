// Lists of candidates by key, read from Arrow files that apache-arrow writes: types, nulls, keys whose rows are apart, and a changed column.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as arrow from "apache-arrow";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { parseCandidateTable } from "#formats/tables/candidate-table.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-candidates-"));
afterAll(() => rmSync(folder, { recursive: true }));

const TYPES = {
  bool: new arrow.Bool(),
  int8: new arrow.Int8(),
  int64: new arrow.Int64(),
  uint16: new arrow.Uint16(),
  uint64: new arrow.Uint64(),
  float32: new arrow.Float32(),
  float64: new arrow.Float64(),
  string: new arrow.Utf8(),
};
type Name = keyof typeof TYPES;
interface Made {
  readonly dtype: Name;
  readonly cells: readonly unknown[];
}
type Columns = Readonly<Partial<Record<"key" | "id" | "score" | "other", Made>>>;

/** The bytes of a column's values, as the format of the checksum describes them. */
function update(sum: ReturnType<typeof createHash>, { dtype, cells }: Made): void {
  sum.update(`${dtype}\n${cells.length}\n`);
  for (const cell of cells) {
    if (typeof cell === "string") {
      sum.update(`${cell.length}\n${cell}`);
      continue;
    }
    const bytes = Buffer.alloc(8);
    const width = dtype === "bool" ? 1 : TYPES[dtype as "int64"].ArrayType.BYTES_PER_ELEMENT;
    if (dtype === "bool") bytes.writeUInt8(Number(cell));
    else if (typeof cell === "bigint") bytes.writeBigUInt64LE(BigInt.asUintN(64, cell));
    else if (dtype === "float32") bytes.writeFloatLE(cell as number);
    else if (dtype === "float64") bytes.writeDoubleLE(cell as number);
    else bytes.writeIntLE(cell as number, 0, 6);
    sum.update(bytes.subarray(0, width));
  }
}
function checksum(columns: Columns): string {
  const sum = createHash("sha256");
  for (const name of ["key", "id", "score"] as const) if (columns[name]) update(sum, columns[name]);
  return sum.digest("hex");
}

function table(columns: Columns, sum: string | undefined = checksum(columns)): Uint8Array {
  const made = new arrow.Table(
    Object.fromEntries(
      Object.entries(columns).map(([name, { dtype, cells }]) => [
        name,
        arrow.vectorFromArray(cells as never[], TYPES[dtype] as never),
      ]),
    ) as never,
  );
  if (sum !== "") (made.schema.metadata as Map<string, string>).set("merlon:candidates-sha256", sum);
  return arrow.tableToIPC(made, "file");
}
const refusal = (bytes: Uint8Array): string => {
  try {
    parseCandidateTable(bytes);
    return "read";
  } catch (error) {
    return (error as Error).message;
  }
};

const longs = (...cells: readonly number[]): Made => ({ dtype: "int64", cells: cells.map(BigInt) });
const scores = (...cells: readonly number[]): Made => ({ dtype: "float32", cells });
const words = (...cells: readonly string[]): Made => ({ dtype: "string", cells });

describe("a table", () => {
  const ids: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    int8: fc.integer({ min: -128, max: 127 }),
    int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    uint16: fc.nat({ max: 65_535 }),
    uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    string: fc.string({ unit: "grapheme", maxLength: 3 }),
  };
  const lists = fc
    .record({ keyType: fc.constantFrom("bool", ...Object.keys(ids)), idType: fc.constantFrom(...Object.keys(ids)) })
    .chain(({ keyType, idType }) =>
      fc.record({
        keyType: fc.constant(keyType as Name),
        idType: fc.constant(idType as Name),
        lists: fc.uniqueArray(
          fc.tuple(
            keyType === "bool" ? fc.boolean() : ids[keyType]!,
            fc.array(fc.tuple(ids[idType]!, fc.float({ noNaN: true })), { minLength: 1, maxLength: 4 }),
          ),
          { minLength: 1, maxLength: 5, selector: ([key]) => key },
        ),
        isScored: fc.boolean(),
      }),
    );
  test("has each key once, with its candidates and their scores", () => {
    fc.assert(
      fc.property(lists, ({ keyType, idType, lists, isScored }) => {
        const rows = lists.flatMap(([key, of]) => of.map(([id, score]) => [key, id, score] as const));
        const columns: Columns = {
          key: { dtype: keyType, cells: rows.map(([key]) => key) },
          id: { dtype: idType, cells: rows.map(([, id]) => id) },
          ...(isScored && { score: scores(...rows.map(([, , score]) => score)) }),
        };
        const read = parseCandidateTable(table(columns));
        expect([read.keys.dtype, read.ids.dtype, read.scores !== undefined]).toEqual([keyType, idType, isScored]);
        const keys = Array.from(read.keys.values as ArrayLike<unknown>);
        expect(keys).toEqual(lists.map(([key]) => (keyType === "bool" ? Number(key) : key)));
        expect(read.starts).toHaveLength(keys.length + 1);
        const cells = Array.from(read.ids.values as ArrayLike<unknown>);
        const found = keys.map((_, i) => cells.slice(read.starts[i], read.starts[i + 1]));
        expect(found).toEqual(lists.map(([, of]) => of.map(([id]) => id)));
        if (isScored) expect(Array.from(read.scores!)).toEqual(rows.map(([, , score]) => score));
      }),
      { numRuns: 100 },
    );
  });
});

describe("a file is refused", () => {
  const whole = { key: longs(1, 1, 2), id: longs(5, 6, 7), score: scores(3, 2, 1) };
  test("with no column of keys or of candidates, or without a checksum", () => {
    const not = "it is not a table of candidates: it has the columns";
    expect(refusal(table(whole))).toBe("read");
    expect(refusal(table({ key: longs(1), other: longs(2) }))).toBe(`${not} key, other`);
    expect(refusal(table({ id: longs(1) }))).toBe(`${not} id`);
    expect(refusal(table(whole, ""))).toBe(`${not} key, id, score`);
    const none = arrow.tableToIPC(new arrow.Table(new arrow.Schema([]), []), "file");
    expect(refusal(none)).toBe(`${not} of none`);
  });
  test("with a column of another type, which is named", () => {
    expect(refusal(table({ ...whole, key: scores(1, 1, 2) }))).toBe("its column `key` is float32");
    expect(refusal(table({ ...whole, id: scores(1, 1, 2) }))).toBe("its column `id` is float32");
    expect(refusal(table({ ...whole, id: { dtype: "bool", cells: [true, false, true] } }))).toBe(
      "its column `id` is bool",
    );
    expect(refusal(table({ ...whole, score: { dtype: "float64", cells: [1, 2, 3] } }))).toBe(
      "its column `score` is float64",
    );
  });
  test("with a null, whose row is named", () => {
    const nulls = (cells: readonly unknown[]): Made => ({ dtype: "int64", cells });
    const sum = checksum(whole);
    expect(refusal(table({ ...whole, key: nulls([1n, 1n, null]) }, sum))).toBe("its column `key` has a null in row 2");
    expect(refusal(table({ ...whole, id: nulls([null, 1n, null]) }, sum))).toBe("its column `id` has a null in row 0");
    expect(refusal(table({ ...whole, score: { dtype: "float32", cells: [1, null, 2] } }, sum))).toBe(
      "its column `score` has a null in row 1",
    );
  });
  test("with another key, candidate, score, type or length than its checksum", () => {
    const damage = "it is damaged: its columns differ from its checksum";
    const sum = checksum(whole);
    for (const changed of [
      { key: longs(1, 1, 3) },
      { id: longs(5, 6, 8) },
      { score: scores(3, 2, 0) },
      { id: { dtype: "uint64" as const, cells: [5n, 6n, 7n] } },
      { key: longs(1, 1), id: longs(5, 6), score: scores(3, 2) },
    ])
      expect(refusal(table({ ...whole, ...changed }, sum))).toBe(damage);
    const { score: _, ...unscored } = whole;
    expect(refusal(table(unscored, sum))).toBe(damage);
    // Texts that are equal when joined.
    const texts = { key: words("k", "k"), id: words("ab", "c") };
    expect(refusal(table({ ...texts, id: words("a", "bc") }, checksum(texts)))).toBe(damage);
  });
  test("without a row, or with a key whose rows are apart", () => {
    expect(refusal(table({ key: longs(), id: longs() }))).toBe("it holds no candidates");
    expect(refusal(table({ key: longs(1, 2, 1), id: longs(5, 6, 7) }))).toBe(
      "the rows of key 1 are apart: row 2 has it again",
    );
    expect(refusal(table({ key: words("a", "b", "b", "a"), id: longs(5, 6, 7, 8) }))).toBe(
      "the rows of key a are apart: row 3 has it again",
    );
  });
});
