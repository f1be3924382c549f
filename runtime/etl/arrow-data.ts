/**
 * Arrow IPC files (stream or file form, uncompressed) → a temporary table of DuckDB. Batches are read one after another, so that memory holds one.
 */
import { createReadStream } from "node:fs";
import {
  DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampValue,
  type DuckDBValue,
  listValue,
} from "@duckdb/node-api";
import { DataType, Int32, Int64, type List, RecordBatchReader, Vector } from "apache-arrow";
import { checkArrow } from "../../formats/arrow/arrow-check.js";
import { dtypeOf } from "../../formats/arrow/arrow-columns.js";
import { withFile } from "../../formats/bytes/byte-source.js";
import { invalid, RuntimeFault } from "../base/errors.js";
import type { Database } from "./database.js";
import { doubledColumn } from "./doubled-column.js";
import { identifier, sqlType } from "./sql/literal.js";

const CHUNK = 2048;

/** By Arrow's unit: what DuckDB calls it, and a value of it. */
const TIMES: Readonly<Record<string, (ticks: bigint) => DuckDBValue>> = {
  TIMESTAMP_S: ticks => new DuckDBTimestampSecondsValue(ticks),
  TIMESTAMP_MS: ticks => new DuckDBTimestampMillisecondsValue(ticks),
  TIMESTAMP: ticks => new DuckDBTimestampValue(ticks),
  TIMESTAMP_NS: ticks => new DuckDBTimestampNanosecondsValue(ticks),
  DATE: days => new DuckDBDateValue(Number(days)),
};
const MS_A_DAY = 86_400_000n;

/** A column of times as the whole numbers that Arrow keeps: its own reader makes floats of milliseconds of them. */
function numbersOf(vector: Vector): Vector {
  const { type } = vector;
  if (!DataType.isTimestamp(type) && !DataType.isDate(type)) return vector;
  const plain = DataType.isDate(type) && type.unit === 0 ? new Int32() : new Int64();
  return new Vector(vector.data.map(data => data.clone(plain as never)));
}

/** DuckDB's name of an Arrow type. @throws Error for a type that no column has */
function typeOf(type: DataType): string {
  if (DataType.isList(type) || DataType.isFixedSizeList(type)) {
    const item = typeOf((type as List).children[0]!.type);
    if (Object.hasOwn(TIMES, item)) throw new Error("lists of times are not read");
    return `${item}[]`;
  }
  if (DataType.isDictionary(type)) return typeOf(type.dictionary);
  if (type.toString() === "LargeUtf8") return "VARCHAR";
  if (DataType.isTimestamp(type)) return Object.keys(TIMES)[type.unit]!;
  if (DataType.isDate(type)) return "DATE";
  return sqlType(dtypeOf(type));
}

/** Types of the file's columns, those that a workflow cannot hold left out. @throws RuntimeFault naming the file */
export async function arrowTypes(file: string): Promise<ReadonlyMap<string, string>> {
  return reading(file, async reader => {
    const types = new Map<string, string>();
    for (const { name, type } of reader.schema.fields) {
      if (types.has(name)) throw doubledColumn(file, name);
      try {
        types.set(name, typeOf(type));
      } catch {}
    }
    return types;
  });
}

/** @param types of the columns to read */
export async function loadArrow(
  database: Database,
  table: string,
  files: readonly string[],
  types: ReadonlyMap<string, string>,
): Promise<void> {
  const names = [...types.keys()];
  const columns = names.map(name => `${identifier(name)} ${types.get(name)}`);
  await database.run(`CREATE OR REPLACE TABLE ${table} (${columns.join(", ") || "nothing INTEGER"})`, "reading Arrow");
  const appender = await database.connection.createAppender(table);
  const duckTypes = Array.from({ length: appender.columnCount }, (_, c) => appender.columnType(c));
  for (const file of files)
    await reading(file, async reader => {
      for await (const batch of reader)
        for (let start = 0; start < batch.numRows; start += CHUNK) {
          const count = Math.min(CHUNK, batch.numRows - start);
          const chunk = DuckDBDataChunk.create(duckTypes, count);
          for (const [c, name] of names.entries()) {
            const vector = numbersOf(batch.getChild(name)!);
            const isMilliseconds = DataType.isDate(batch.getChild(name)!.type) && vector.type.bitWidth === 64;
            const type = types.get(name)!;
            const value = (i: number) => {
              const found = vector.get(start + i);
              return isMilliseconds && found !== null ? found / MS_A_DAY : found;
            };
            chunk.setColumnValues(
              c,
              Array.from({ length: count }, (_, i) => cell(value(i), type)),
            );
          }
          appender.appendDataChunk(chunk);
        }
    });
  appender.closeSync();
}

/** Arrow's numbers and DuckDB's agree but for 64-bit integers within narrower ones. */
function cell(value: unknown, type: string): DuckDBValue {
  if (value === null || value === undefined) return null;
  if (Object.hasOwn(TIMES, type)) return TIMES[type]!(BigInt(value as bigint | number));
  if (type.endsWith("[]")) {
    const items = value as Iterable<unknown>;
    return listValue(Array.from(items, item => cell(item, type.slice(0, -2))));
  }
  return value as DuckDBValue;
}

async function reading<T>(file: string, use: (reader: RecordBatchReader) => Promise<T>): Promise<T> {
  const stream = createReadStream(file);
  try {
    withFile(file, checkArrow);
    const reader = await RecordBatchReader.from(stream);
    await reader.open();
    if (reader.schema === undefined) throw new Error("it has no schema, as an empty file");
    return await use(reader);
  } catch (error) {
    if (error instanceof RuntimeFault) throw error;
    throw invalid(`reading \`${file}\` failed: ${(error as Error).message}.`, {
      cause: error,
    });
  } finally {
    stream.destroy();
  }
}
