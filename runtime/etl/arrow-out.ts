/** A statement of DuckDB → an Arrow IPC file, batch by batch: for readers that map it into memory. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { DuckDBDataChunk, DuckDBListValue, DuckDBVector } from "@duckdb/node-api";
import {
  Bool,
  type DataType,
  Field,
  List,
  makeData,
  makeVector,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import { DATATYPES, type DType } from "../../triton-protos/datatype.js";
import { allocate } from "../base/columns/table.js";
import { unsupported } from "../base/errors.js";
import type { Database } from "./database.js";
import { readPiece } from "./read-columns.js";

/** Answers how many rows were written. */
export async function copyToArrow(
  database: Database,
  sql: string,
  to: string,
  onFraction: (fraction: number) => void,
): Promise<number> {
  const result = await database.connection.stream(sql);
  const columns = result.columnNames().map((name, c): OutColumn => {
    const type = String(result.columnType(c));
    const dtype = DATATYPES.find(row => row.duckdb === type.replace("[]", ""))?.name;
    if (dtype === undefined)
      throw unsupported(`column \`${name}\` is ${type}, which is not written to Arrow here. Write Parquet.`);
    return { name, dtype, isList: type.endsWith("[]") };
  });
  const schema = new Schema(columns.map(col => new Field(col.name, arrowType(col), true)));
  const writer = new RecordBatchFileWriter();
  const file = createWriteStream(to);
  const done = pipeline(writer.toNodeStream(), file);
  // A full disk is met below, wherever the work then is.
  done.catch(() => {});
  writer.reset(undefined, schema);
  let rows = 0;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const count = chunk.rowCount;
    const children = columns.map((col, c) => vectorOf(chunk as DuckDBDataChunk, c, col).data[0]!);
    writer.write(
      new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: count, nullCount: 0, children })),
    );
    rows += count;
    if (file.destroyed) break;
    if (file.writableNeedDrain) await Promise.race([once(file, "drain"), done]);
  }
  writer.finish();
  await done;
  onFraction(1);
  return rows;
}

interface OutColumn {
  readonly name: string;
  readonly dtype: DType;
  readonly isList: boolean;
}

function arrowType({ dtype, isList }: OutColumn): DataType {
  if (isList) return new List(new Field("item", arrowType({ name: "", dtype, isList: false }), true));
  if (dtype === "string") return new Utf8();
  if (dtype === "bool") return new Bool();
  return (makeVector(allocate(dtype, 0) as Int32Array) as Vector).type as DataType;
}

function vectorOf(chunk: DuckDBDataChunk, c: number, col: OutColumn): Vector {
  const { dtype, isList } = col;
  if (isList || dtype === "string" || dtype === "bool") {
    const vector: DuckDBVector = chunk.getColumnVector(c);
    const cells = Array.from({ length: chunk.rowCount }, (_, i) => {
      const item = vector.getItem(i);
      return isList && item !== null ? [...(item as DuckDBListValue).items] : item;
    });
    return vectorFromArray(cells, arrowType(col));
  }
  const { values, validity } = readPiece(chunk, c, dtype);
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8)).fill(validity ? 0 : 255);
  if (validity) for (let i = 0; i < validity.length; i++) if (validity[i] === 1) nullBitmap[i >> 3]! |= 1 << (i & 7);
  const nullCount = validity ? validity.reduce((sum, v) => sum + 1 - v, 0) : 0;
  return makeVector(
    makeData({
      type: arrowType(col),
      length: values.length,
      nullCount,
      nullBitmap,
      data: values as Int32Array,
    } as never),
  ) as Vector;
}
