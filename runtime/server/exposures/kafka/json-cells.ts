/** The JSON of a column's values, row by row. */
import type { ParquetColumn, Texts } from "../../../../formats/tables/parquet-page.js";
import { datatype } from "../../../../triton-protos/datatype.js";
import { fromHalves } from "../../../../triton-protos/float16.js";
import type { ColumnValues } from "../encode-batch.js";

/** @returns a function that prints the value of the next row */
export function jsonCells(column: ParquetColumn, { values: of, listCounts }: ColumnValues): () => string {
  const { present, lengths, counts } = of;
  const print = printer(column, of.values);
  let at = 0;
  const element = repeated(counts, () => {
    const i = at++;
    const text = print(i);
    return present?.[i] === 0 ? "null" : text;
  });
  if (!lengths) return element;
  let list = 0;
  return repeated(listCounts, () => {
    const length = lengths[list++]!;
    if (length < 0) return "null";
    let text = "[";
    for (let i = 0; i < length; i++) text += i === 0 ? element() : `,${element()}`;
    return `${text}]`;
  });
}

/** Each text as often as its count is. */
function repeated(counts: Int32Array | undefined, next: () => string): () => string {
  if (!counts) return next;
  let at = 0;
  let left = 0;
  let text = "";
  return () => {
    while (left === 0) {
      left = counts[at++]!;
      text = next();
    }
    left--;
    return text;
  };
}

/** Prints the i-th value; call it for each value once, in order. */
function printer(
  { dtype, timestamp }: ParquetColumn,
  values: Texts | ArrayLike<number | bigint>,
): (i: number) => string {
  if ("bytes" in values) return textPrinter(values);
  if (timestamp) return i => `"${printTime(values[i] as bigint)}"`;
  if (dtype === "bool") return i => (values[i] === 0 ? "false" : "true");
  const numbers = dtype === "float16" ? fromHalves(values as Uint16Array) : values;
  if (datatype(dtype).kind === "float") return i => printFloat(numbers[i] as number);
  return i => String(numbers[i]);
}

function textPrinter({ bytes, lengths }: Texts): (i: number) => string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  return i => {
    const start = at;
    at += lengths[i]!;
    return JSON.stringify(buffer.toString("utf8", start, at));
  };
}

/** JSON has no NaN and no infinity. */
function printFloat(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0.0" : String(value);
  return Number.isNaN(value) ? "null" : `"${value}"`;
}

/** @param time microseconds since 1970 @returns ISO 8601 with six digits */
function printTime(time: bigint): string {
  const millis = Number(time / 1000n);
  return `${new Date(millis).toISOString().slice(0, -1)}${String(time % 1000n).padStart(3, "0")}Z`;
}
