/** A Spark session → the engine of a workflow's statements. Columns are returned as Arrow files and read in place. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "@duckdb/node-api";
import { type Table, tableFromIPC, type Vector } from "apache-arrow";
import type { PackedTexts, PrintedColumn } from "../../../operators/shared/kernel/fitted-table.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { allocate, type Values } from "../../base/columns/table.js";
import { internal } from "../../base/errors.js";
import type { Engine } from "../engine.js";
import type { SparkSession } from "./session.js";
import { sparkSql } from "./spark-dialect.js";

export interface SparkEngine extends Engine {
  readonly session: SparkSession;
}

let files = 0;
/** A new file to hand something over in. */
export const exchangeFile = (session: SparkSession): string => join(session.exchange, `${files++}.arrow`);

export function sparkEngine(session: SparkSession): SparkEngine {
  return {
    session,
    sql: sparkSql,
    async run(sql, doing, onFraction) {
      await session.ask({ do: "run", sql }, doing);
      onFraction?.(1);
    },
    async rows(sql, doing, onFraction) {
      const rows = (await session.ask({ do: "rows", sql }, doing)) as Json[][];
      onFraction?.(1);
      return rows;
    },
    async packed(sql, dtypes, doing, options) {
      const to = exchangeFile(session);
      await session.ask({ do: "arrow", sql, to }, doing);
      options?.onFraction?.(1);
      const table = tableFromIPC(readFileSync(to));
      rmSync(to);
      return dtypes.map((dtype, i) => columnOf(table, i, dtype));
    },
  };
}

/** The driver writes one batch. */
function columnOf(table: Table, i: number, dtype: DType): PrintedColumn {
  const vector = table.getChildAt(i)!;
  const [data] = vector.data;
  const validity =
    vector.nullCount > 0
      ? Uint8Array.from({ length: vector.length }, (_, row) => (vector.get(row) === null ? 0 : 1))
      : undefined;
  const values =
    dtype === "string" && data
      ? packed(data as unknown as { valueOffsets: Int32Array; values: Uint8Array })
      : numbers(vector, dtype);
  return { dtype, values, ...(validity && { validity }) };
}

function packed({ valueOffsets, values }: { valueOffsets: Int32Array; values: Uint8Array }): PackedTexts {
  const [first = 0] = valueOffsets;
  const offsets = first === 0 ? Int32Array.from(valueOffsets) : valueOffsets.map(at => at - first);
  return { offsets, bytes: values.slice(first, valueOffsets.at(-1)) };
}

function numbers(vector: Vector, dtype: DType): Values {
  if (datatype(dtype).kind === "bool")
    return Uint8Array.from({ length: vector.length }, (_, i) => (vector.get(i) === true ? 1 : 0));
  const values = allocate(dtype, vector.length);
  const found = vector.toArray() as Float64Array;
  if (Array.isArray(values)) return values;
  if (found.length !== values.length) throw internal("Spark answered columns of unequal length.");
  const isWide = values instanceof BigInt64Array || values instanceof BigUint64Array;
  const target = values as { [i: number]: unknown };
  for (let i = 0; i < found.length; i++) target[i] = isWide ? found[i]! : Number(found[i]);
  return values;
}
