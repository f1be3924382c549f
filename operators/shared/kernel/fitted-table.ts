/**
 * A table in the state of `merlon fit`, as an Arrow IPC file: key columns (which may hold null) and value columns. One row a key. Reading
 * maps numbers onto the file's own buffers and decodes strings once.
 */

import {
  AsyncByteQueue,
  Bool,
  type DataType,
  Field,
  makeData,
  makeVector,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Table,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import { FILE_LIMITS } from "../../../contract/files/read-regular.js";
import { readArrowColumns } from "../../../formats/arrow/arrow-columns.js";
import { joinBytes } from "../../../formats/bytes/wire-writer.js";
import { type Column, rootRows, type Values } from "../../../runtime/base/columns/table.js";
import { internal, type RuntimeFault } from "../../../runtime/base/errors.js";
import { readSharedSync } from "../../../runtime/base/shared/shared-copy.js";
import type { DType } from "../../../triton-protos/datatype.js";

/** Columns by name, all of the same rows. */
export type FittedTable = Readonly<Record<string, Column>>;

/** Text as Arrow lays it out: value i is `bytes[offsets[i]] … bytes[offsets[i + 1] - 1]`, UTF-8. */
export interface PackedTexts {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** A column to print; packed text need not be decoded to be written. */
export interface PrintedColumn {
  readonly dtype: DType;
  readonly values: Values | PackedTexts;
  readonly validity?: Uint8Array;
}

/**
 * The bytes of the file: equal for equal tables.
 * @param metadata pairs of the schema
 */
export const printFittedTable = (...table: Parameters<typeof fittedTableParts>): Uint8Array =>
  joinBytes(fittedTableParts(...table));

/** The same in parts, to be hashed or written one after the other: the columns' own memory, where that is what the file holds. */
export function fittedTableParts(
  table: Readonly<Record<string, PrintedColumn>>,
  mayBeNull = true,
  metadata?: ReadonlyMap<string, string>,
): readonly Uint8Array[] {
  const vectors = Object.entries(table).map(([name, col]) => [name, vectorOf(col)] as const);
  const fields = vectors.map(([name, vector]) => new Field(name, vector.type as DataType, mayBeNull));
  const schema = new Schema(fields, metadata && new Map(metadata));
  const length = vectors[0]?.[1].length ?? 0;
  const children = vectors.map(([, vector]) => vector.data[0]!);
  const data = makeData({ type: new Struct(fields), length, nullCount: 0, children });
  const sink = new Parts();
  new RecordBatchFileWriter().reset(sink).writeAll(new Table(schema, new RecordBatch(schema, data)));
  return sink.parts;
}

class Parts extends AsyncByteQueue {
  readonly parts: Uint8Array[] = [];
  override write(part: Uint8Array): void {
    if (part.length > 0) this.parts.push(part);
  }
}

function vectorOf({ dtype, values, validity }: PrintedColumn): Vector {
  const known = (i: number) => validity?.[i] !== 0;
  const nullBitmap = validity && bitmapOf(validity);
  if ("offsets" in values) {
    const packed = { type: new Utf8(), valueOffsets: values.offsets, data: values.bytes };
    return makeVector(makeData(nullBitmap ? { ...packed, nullBitmap } : packed));
  }
  if (dtype === "string") {
    const texts = values as readonly string[];
    if (texts.length > 0)
      return vectorFromArray(validity ? texts.map((v, i) => (known(i) ? v : null)) : texts, new Utf8());
    return makeVector(makeData({ type: new Utf8(), valueOffsets: new Int32Array(1), data: new Uint8Array(0) }));
  }
  if (dtype === "bool")
    return vectorFromArray(
      Array.from(values as Uint8Array, (v, i) => (known(i) ? v === 1 : null)),
      new Bool(),
    );
  const plain = makeVector(values as Int32Array) as Vector;
  if (!nullBitmap) return plain;
  return makeVector(
    makeData({ type: plain.type as DataType, length: values.length, nullBitmap, data: values as Int32Array } as never),
  ) as Vector;
}

function bitmapOf(validity: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(validity.length / 8));
  for (let i = 0; i < validity.length; i++) if (validity[i] === 1) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

/**
 * Large files are shared with other processes.
 * @param what the file is, for messages
 * @throws RuntimeFault naming the file and what is wrong with it
 */
export function readFittedTable(file: string, what = "fitted table"): FittedTable {
  try {
    const columns = readArrowColumns(readSharedSync(file, FILE_LIMITS.data).bytes);
    const rows = rootRows(Object.values(columns)[0]?.values.length ?? 0);
    return Object.fromEntries(Object.entries(columns).map(([name, col]) => [name, { ...col, rows }]));
  } catch (error) {
    throw unreadable(what, file, error as Error);
  }
}

export const unreadable = (what: string, file: string, error: Error): RuntimeFault =>
  internal(`${what} \`${file}\` cannot be read: ${error.message}. Run \`merlon fit\` again.`, {
    cause: error,
  });
