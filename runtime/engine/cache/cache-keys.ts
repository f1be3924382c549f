/** Columns → one text per row that is equal for rows of equal values, and different for others. */
import type { Column } from "../../base/columns/table.js";

/** @param columns all of `count` rows */
export function rowKeys(columns: readonly Column[], count: number): string[] {
  const parts = columns.map(column => {
    const key = columnKeys(column);
    const { listValidity } = column;
    return listValidity ? (row: number) => (listValidity[row] === 0 ? "null" : key(row)) : key;
  });
  return Array.from({ length: count }, (_, row) => parts.map(part => part(row)).join("\n"));
}

/** Bytes as latin-1: a text of as many letters, with the number of values before it. */
function columnKeys({ values, offsets, width = 1, validity }: Column): (row: number) => string {
  const run = (row: number): readonly [number, number] =>
    offsets ? [offsets[row]!, offsets[row + 1]!] : [row * width, (row + 1) * width];
  const nulls = (start: number, end: number): string =>
    validity ? `${Buffer.from(validity.buffer, validity.byteOffset + start, end - start).toString("latin1")}:` : "";
  if (Array.isArray(values))
    return row => {
      const [start, end] = run(row);
      return `${nulls(start, end)}${JSON.stringify(values.slice(start, end))}`;
    };
  const { buffer, byteOffset, BYTES_PER_ELEMENT: size } = values as Float64Array;
  return row => {
    const [start, end] = run(row);
    const bytes = Buffer.from(buffer, byteOffset + start * size, (end - start) * size);
    return `${end - start}:${nulls(start, end)}${bytes.toString("latin1")}`;
  };
}
