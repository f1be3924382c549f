/**
 * Arrow IPC files (stream or file form, uncompressed) -> a temporary table of DuckDB. Batches are read one after another, so that memory holds one.
 */
import { createReadStream } from "node:fs";
import { DuckDBDataChunk, type DuckDBValue, listValue } from "@duckdb/node-api";
import { DataType, type List, RecordBatchReader, type Vector } from "apache-arrow";
import { dtypeOf } from "../../triton-protos/artefacts/arrow-columns.js";
import { RuntimeFault } from "../errors.js";
import type { Database } from "./database.js";
import { identifier, sqlType } from "./sql/literal.js";

const CHUNK = 2048;

/** DuckDB's name of an Arrow type. @throws Error for a type that no column has */
function typeOf(type: DataType): string {
  if (DataType.isList(type) || DataType.isFixedSizeList(type)) return `${typeOf((type as List).children[0]!.type)}[]`;
  if (DataType.isDictionary(type)) return typeOf(type.dictionary);
  if (type.toString() === "LargeUtf8") return "VARCHAR";
  return sqlType(dtypeOf(type));
}

/** Types of the file's columns, those that a workflow cannot hold left out. @throws RuntimeFault naming the file */
export async function arrowTypes(file: string): Promise<ReadonlyMap<string, string>> {
  return reading(file, async reader => {
    const types = new Map<string, string>();
    for (const { name, type } of reader.schema.fields)
      try {
        types.set(name, typeOf(type));
      } catch {}
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
            const vector = batch.getChild(name)! as Vector;
            chunk.setColumnValues(
              c,
              Array.from({ length: count }, (_, i) => cell(vector.get(start + i), types.get(name)!)),
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
  if (type.endsWith("[]")) {
    const items = value as Iterable<unknown>;
    return listValue(Array.from(items, item => cell(item, type.slice(0, -2))));
  }
  return value as DuckDBValue;
}

async function reading<T>(file: string, use: (reader: RecordBatchReader) => Promise<T>): Promise<T> {
  const stream = createReadStream(file);
  try {
    const reader = await RecordBatchReader.from(stream);
    await reader.open();
    return await use(reader);
  } catch (error) {
    throw new RuntimeFault("INVALID_ARGUMENT", `reading \`${file}\` failed: ${(error as Error).message}.`, {
      cause: error,
    });
  } finally {
    stream.destroy();
  }
}
