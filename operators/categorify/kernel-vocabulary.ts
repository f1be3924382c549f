/**
 * A vocabulary as a fitted table of two columns: `value` (the column's dtype) and `count` (int64), in id order.
 */
import { createHash } from "node:crypto";
import { FILE_LIMITS, readRegularSync } from "../../contract/files/read-regular.js";
import { type ArrowColumn, readArrowColumns, readArrowTexts } from "../../formats/arrow/arrow-columns.js";
import { readArrowFile } from "../../formats/arrow/arrow-file.js";
import type { Values } from "../../runtime/base/columns/table.js";
import { indexTexts } from "../../runtime/base/columns/text-index.js";
import { indexValues, type ValueIndex } from "../../runtime/base/columns/value-index.js";
import { readSharedSync } from "../../runtime/base/shared/shared-copy.js";
import type { DType } from "../../triton-protos/datatype.js";
import {
  fittedTableParts,
  type PackedTexts,
  type PrintedColumn,
  printFittedTable,
  readFittedTable,
  unreadable,
} from "../shared/kernel/fitted-table.js";

export interface Vocabulary {
  readonly dtype: DType;
  /** Without duplicates and without null; row i has id 2 + numBuckets + i. */
  readonly values: Values;
  readonly counts: BigInt64Array;
}

/** A vocabulary to print; text may be packed. */
export type PrintedVocabulary = Omit<Vocabulary, "values"> & { readonly values: Values | PackedTexts };

/** The columns of the file. */
export const vocabularyColumns = ({ dtype, values, counts }: PrintedVocabulary) =>
  ({ value: { dtype, values }, count: { dtype: "int64", values: counts } }) as const;

/** The bytes of the file: equal for equal vocabularies. */
export const printVocabulary = (vocabulary: PrintedVocabulary): Uint8Array =>
  printFittedTable(vocabularyColumns(vocabulary), false);

/** The same in parts. */
export const vocabularyParts = (vocabulary: PrintedVocabulary): readonly Uint8Array[] =>
  fittedTableParts(vocabularyColumns(vocabulary), false);

/** Equal for vocabularies that give equal values equal ids: counts, which a fit on more data changes, are left out. */
export function sumOfValues(columns: Readonly<Record<string, PrintedColumn>>): string {
  const values = Object.fromEntries(Object.entries(columns).filter(([name]) => name !== "count"));
  const hash = createHash("sha256");
  for (const part of fittedTableParts(values)) hash.update(part);
  return `sha256:${hash.digest("hex")}`;
}

/** @throws RuntimeFault naming the file and what is wrong with it */
export function readVocabulary(file: string): Vocabulary {
  const columns = readFittedTable(file, "vocabulary");
  try {
    return vocabularyIn(columns);
  } catch (error) {
    throw unreadable("vocabulary", file, error as Error);
  }
}

/**
 * The values alone, once: texts stay packed, and no other process shares the bytes.
 * @throws RuntimeFault naming the file and what is wrong with it
 */
export function readValuesOnce(file: string): Values | PackedTexts {
  try {
    const bytes = readRegularSync(file, FILE_LIMITS.data);
    return readArrowTexts(bytes, "value") ?? vocabularyIn(readArrowColumns(bytes)).values;
  } catch (error) {
    throw unreadable("vocabulary", file, error as Error);
  }
}

/** @throws Error that says what is wrong, without the file's name */
function vocabularyIn({ value, count }: Readonly<Record<string, ArrowColumn>>): Vocabulary {
  if (!value || !count) throw new Error("it has no columns `value` and `count`");
  if (value.validity) throw new Error("a value is null");
  return { dtype: value.dtype, values: value.values, counts: count.values as BigInt64Array };
}

/** A vocabulary that is looked up: memory that other processes share, if it is large. */
export interface OpenVocabulary {
  readonly dtype: DType;
  readonly count: number;
  /** The place of each value, -1 if the vocabulary does not have it. */
  readonly index: ValueIndex;
}

/** Texts of larger files are not decoded. */
const LARGE = 2 ** 20;

/** @throws RuntimeFault naming the file and what is wrong with it */
export function openVocabulary(file: string): OpenVocabulary {
  try {
    const { bytes, makeTable } = readSharedSync(file, FILE_LIMITS.data);
    const texts = bytes.length < LARGE ? undefined : readArrowTexts(bytes, "value");
    if (texts && readArrowFile(bytes).fields.some(({ name }) => name === "count"))
      return { dtype: "string", count: texts.offsets.length - 1, index: indexTexts(texts, makeTable) };
    const { dtype, values } = vocabularyIn(readArrowColumns(bytes));
    return { dtype, count: values.length, index: indexValues(values, makeTable) };
  } catch (error) {
    throw unreadable("vocabulary", file, error as Error);
  }
}
