// The file of a vocabulary: printed and read back, and the fault of one that is not a vocabulary.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  type PrintedVocabulary,
  printVocabulary,
  readVocabulary,
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
