/** An attribute table's file, Parquet or Arrow → the rows of some columns. */
import { readFile } from "node:fs/promises";
import { requireRegular } from "../../../contract/files/read-regular.js";
import { readArrowColumns } from "../../../formats/arrow/arrow-columns.js";
import { isParquet, readAttributeColumns } from "../../../formats/tables/attribute-table.js";
import type { DType } from "../../../triton-protos/datatype.js";
import type { Piece } from "./attribute-column.js";
import { readParquet } from "./read-parquet.js";

/** @throws Error that says what is wrong, without the file's name */
export async function readTable(
  file: string,
  columns: ReadonlyMap<string, DType>,
): Promise<ReadonlyMap<string, Piece>> {
  requireRegular(file);
  if (isParquet(file)) {
    checkColumns(new Map(readAttributeColumns(file).columns.map(({ name, type }) => [name, type])), columns);
    return readParquet(file, columns);
  }
  const found = readArrowColumns(await readFile(file));
  checkColumns(new Map(Object.entries(found).map(([name, { dtype }]) => [name, dtype])), columns);
  return new Map([...columns.keys()].map(name => [name, found[name]!]));
}

/** @throws Error for a column that is missing, or of another type than the plan's */
function checkColumns(found: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, DType>): void {
  for (const [name, dtype] of wanted) {
    const seen = found.get(name);
    if (seen === undefined) throw new Error(`it has no column \`${name}\`, which the ensemble reads`);
    if (seen !== dtype)
      throw new Error(`column \`${name}\` is ${seen}, and the ensemble was built with ${dtype}; build it again`);
  }
}
