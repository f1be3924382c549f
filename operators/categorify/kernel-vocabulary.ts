/**
 * A vocabulary as a fitted table of two columns: `value` (the column's dtype) and `count` (int64), in id order.
 */
import { createHash } from "node:crypto";
import type { Values } from "../../runtime/base/columns/table.js";
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
  const { value, count } = readFittedTable(file, "vocabulary");
  if (!value || !count) throw unreadable("vocabulary", file, new Error("it has no columns `value` and `count`"));
  if (value.validity) throw unreadable("vocabulary", file, new Error("a value is null"));
  return { dtype: value.dtype, values: value.values, counts: count.values as BigInt64Array };
}
