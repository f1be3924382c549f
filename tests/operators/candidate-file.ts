/** Writes a table of candidates from plain lists by key. */
import { renameSync, writeFileSync } from "node:fs";
import { CANDIDATES_SUM, sumOfCandidates, type TableColumn } from "#formats/tables/candidate-table.js";
import { printFittedTable } from "#operators/shared/kernel/fitted-table.js";
import type { DType } from "#triton-protos/datatype.js";
import { type Item, scalars } from "./step.js";

export interface Lists {
  readonly keys: DType;
  readonly ids: DType;
  /** Key, ids, and scores. */
  readonly lists: readonly (readonly [Item, readonly Item[], (readonly number[])?])[];
}

export function printCandidates({ keys, ids, lists }: Lists): Uint8Array {
  const column = (dtype: DType, items: readonly Item[]): TableColumn => ({
    dtype,
    values: scalars(dtype, items).values,
  });
  const isScored = lists.some(([, , scores]) => scores);
  const table: Record<string, TableColumn> = {
    key: column(
      keys,
      lists.flatMap(([key, own]) => own.map(() => key)),
    ),
    id: column(
      ids,
      lists.flatMap(([, own]) => own),
    ),
    ...(isScored && {
      score: column(
        "float32",
        lists.flatMap(([, , scores]) => scores ?? []),
      ),
    }),
  };
  return printFittedTable(table, false, new Map([[CANDIDATES_SUM, sumOfCandidates(Object.values(table))]]));
}

/** Replaces the file in one step. */
export function writeCandidates(file: string, table: Lists | Uint8Array): void {
  writeFileSync(`${file}.new`, table instanceof Uint8Array ? table : printCandidates(table));
  renameSync(`${file}.new`, file);
}
