/** Ids of an index → the row of each position in a table. */
import type { Piece } from "./attribute-column.js";
import { TURN } from "./attribute-column.js";

/** The ids that an index answers with: those it holds, its id map's texts, or positions. */
export interface IndexIds {
  readonly count: number;
  /** @param position 0 … count − 1 */
  at(position: number): bigint | string;
}

type Key = number | bigint | string;

/** Ids that doubles hold exactly as such: they are found faster. */
const keyOf = (id: number | bigint | string): Key =>
  typeof id === "bigint" && id >= -9007199254740991n && id <= 9007199254740991n ? Number(id) : id;

export interface RowsByPosition {
  /** The row of each position, or −1. */
  readonly rowAt: Int32Array;
  /** Positions without a row, and the first of them. */
  readonly lacking: number;
  readonly firstLacking: number;
}

/**
 * Rows whose ids the index lacks are left out.
 * @yields after each turn
 * @throws Error for an id that is null, or has two rows
 */
export function* rowsByPosition(
  ids: IndexIds,
  key: string,
  { values, validity }: Piece,
): Generator<void, RowsByPosition> {
  const rows = new Map<Key, number>();
  for (let row = 0; row < values.length; row++) {
    if (validity?.[row] === 0) throw new Error(`row ${row} has no \`${key}\`: each row needs the id of its item`);
    const id = keyOf(values[row]!);
    const other = rows.get(id);
    if (other !== undefined)
      throw new Error(
        `\`${key}\` ${typeof id === "string" ? JSON.stringify(id) : id} has two rows, ${other} and ${row}; each item has one`,
      );
    rows.set(id, row);
    if (row % TURN === TURN - 1) yield;
  }
  const rowAt = new Int32Array(ids.count);
  let [lacking, firstLacking] = [0, -1];
  for (let position = 0; position < ids.count; position++) {
    const row = rows.get(keyOf(ids.at(position))) ?? -1;
    rowAt[position] = row;
    if (row < 0 && lacking++ === 0) firstLacking = position;
    if (position % TURN === TURN - 1) yield;
  }
  return { rowAt, lacking, firstLacking };
}
