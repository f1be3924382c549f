/** The attributes of the items of an index. */
import type { Attribute } from "./attribute-column.js";

/** One state of the table. */
export interface AttributeTable {
  readonly positions: number;
  /** Positions that have a row. */
  readonly known: Uint8Array;
  /** Positions without a row: they are not found. */
  readonly lacking: number;
  readonly columns: ReadonlyMap<string, Attribute>;
}
