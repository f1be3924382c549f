/** Lists that are too large to be logged, because a value of the request is repeated in each of their rows. */
import type { Column } from "../../base/columns/table.js";

/** Bytes that a value repeated in each row of a list may take together. */
export const MOST_REPEATED = 64 * 2 ** 20;

export interface Oversize {
  /** Row of the request. */
  readonly row: number;
  /** The kept column, or `request_id`. */
  readonly name: string;
  readonly bytes: number;
  readonly candidates: number;
}

export const oversizeText = ({ row, name, bytes, candidates }: Oversize): string =>
  `'${name}' has ${bytes} bytes in request row ${row}, and the exposure log repeats them for each of ${candidates} candidates. The limit is ${MOST_REPEATED} bytes in all: send a shorter value, or do not keep the column`;

/** Bytes of a column's value in a row. */
export function bytesAt({ values, offsets, width }: Column, row: number): number {
  const from = offsets ? offsets[row]! : row * (width ?? 1);
  const to = offsets ? offsets[row + 1]! : from + (width ?? 1);
  if (ArrayBuffer.isView(values)) return (to - from) * values.BYTES_PER_ELEMENT;
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += Buffer.byteLength(values[i]!);
  return bytes;
}
