/** Lists of column names, as options take them. */
import { InvalidArgumentError } from "commander";
import type { KeptColumn } from "../runtime/etl/kept-columns.js";

/** `a, b,c` → `["a", "b", "c"]`: how options take several column names. */
export const names = (value: string): string[] =>
  value
    .split(",")
    .map(name => name.trim())
    .filter(Boolean);

/** `item_id=item_key, day` → columns to keep, the first under another name. */
export const keptNames = (value: string): KeptColumn[] =>
  names(value).map(one => {
    const [, column = one, as = one] = /^([^=]*)=(.*)$/.exec(one) ?? [];
    if (column.trim() === "" || as.trim() === "")
      throw new InvalidArgumentError("Write a column as NAME, or as NAME=OTHER to keep it under another name.");
    return { column: column.trim(), as: as.trim() };
  });
