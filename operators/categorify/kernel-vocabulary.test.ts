// The file of a vocabulary: printed and read back, and the fault of one that is not a vocabulary.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  openVocabulary,
  type PrintedVocabulary,
  printVocabulary,
  readVocabulary,
  sumOfValues,
  vocabularyColumns,
  vocabularyParts,
} from "#operators/categorify/kernel-vocabulary.js";
import { printFittedTable } from "#operators/shared/kernel/fitted-table.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-vocabulary-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "v.arrow");
const counts = BigInt64Array.of(3n, 2n);
const texts: PrintedVocabulary = { dtype: "string", values: ["a", "né"], counts };
const packed: PrintedVocabulary = {
  ...{ dtype: "string", counts },
  values: { offsets: Int32Array.of(0, 1, 4), bytes: Buffer.from("ané") },
};
const numbers: PrintedVocabulary = { dtype: "int32", values: Int32Array.of(7, -1), counts };

test.each([
  ["texts", texts],
  ["packed texts", packed],
  ["numbers", numbers],
])("a vocabulary of %s is read back, and its parts are the file", (_, vocabulary) => {
  const bytes = printVocabulary(vocabulary);
  writeFileSync(file, bytes);
  const { dtype, values, counts: read } = readVocabulary(file);
  expect([dtype, [...values], read]).toEqual([
    vocabulary.dtype,
    vocabulary === numbers ? [7, -1] : ["a", "né"],
    counts,
  ]);
  expect(Buffer.concat(vocabularyParts(vocabulary)).equals(bytes)).toBe(true);
});

test("equal values have equal bytes and sums, whatever their form and their counts", () => {
  expect(Buffer.from(printVocabulary(packed)).equals(printVocabulary(texts))).toBe(true);
  const sum = (vocabulary: PrintedVocabulary) => sumOfValues(vocabularyColumns(vocabulary));
  expect(sum(texts)).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(sum({ ...texts, counts: BigInt64Array.of(9n, 9n) })).toBe(sum(texts));
  expect(sum({ ...texts, values: ["né", "a"] })).not.toBe(sum(texts));
});

test("a file with other columns, or a null, is refused by its name", () => {
  const fault = (table: Parameters<typeof printFittedTable>[0]): string => {
    writeFileSync(file, printFittedTable(table));
    try {
      readVocabulary(file);
    } catch (error) {
      return (error as Error).message;
    }
    return "read";
  };
  const value = { dtype: "int64", values: BigInt64Array.of(1n, 2n) } as const;
  expect(fault({ value })).toMatch(/v\.arrow.*it has no columns `value` and `count`/);
  expect(fault({ count: value })).toMatch(/v\.arrow.*it has no columns `value` and `count`/);
  expect(fault({ value, count: value })).toBe("read");
  expect(fault({ value: { ...value, validity: Uint8Array.of(1, 0) }, count: value })).toMatch(
    /v\.arrow.*a value is null/,
  );
});

test("a large file of texts is indexed, and refused without its counts", () => {
  const values = Array.from({ length: 100_000 }, (_, i) => `the item ${i}`);
  const value = { dtype: "string", values } as const;
  writeFileSync(file, printFittedTable({ value, count: { dtype: "int64", values: new BigInt64Array(values.length) } }));
  const { dtype, count, index } = openVocabulary(file);
  expect([dtype, count, [...index(["the item 99999", "no item", "the item 0"])]]).toEqual([
    "string",
    100_000,
    [99_999, -1, 0],
  ]);
  writeFileSync(file, printFittedTable({ value }));
  expect(() => openVocabulary(file)).toThrow(/v\.arrow.*it has no columns `value` and `count`/);
});
