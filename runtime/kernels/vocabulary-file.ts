/**
 * A vocabulary as an Arrow IPC file: columns `value` (the column's dtype) and `count` (int64), in id order.
 * Reading maps numbers onto the file's own buffers and decodes strings once.
 */
import { readFileSync } from "node:fs";
import {
  Bool,
  type DataType,
  Field,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import { dtypeOf } from "../../triton-protos/artefacts/arrow-columns.js";
import type { DType } from "../../triton-protos/datatype.js";
import { RuntimeFault } from "../errors.js";
import type { Values } from "../plan/table.js";

export interface Vocabulary {
  readonly dtype: DType;
  /** Without duplicates and without null; row i has id 2 + numBuckets + i. */
  readonly values: Values;
  readonly counts: BigInt64Array;
}

/** The bytes of the file: equal for equal vocabularies. */
export function printVocabulary({ dtype, values, counts }: Vocabulary): Uint8Array {
  const columns = { value: valueVector(dtype, values), count: makeVector(counts) };
  const fields = Object.entries(columns).map(([name, vector]) => new Field(name, vector.type as DataType, false));
  const schema = new Schema(fields);
  const data = makeData({
    type: new Struct(fields),
    length: counts.length,
    nullCount: 0,
    children: Object.values(columns).map(vector => vector.data[0]!),
  });
  return tableToIPC(new Table(schema, new RecordBatch(schema, data)), "file");
}

function valueVector(dtype: DType, values: Values): Vector {
  if (dtype === "string") {
    const texts = values as readonly string[];
    if (texts.length > 0) return vectorFromArray(texts, new Utf8());
    return makeVector(makeData({ type: new Utf8(), valueOffsets: new Int32Array(1), data: new Uint8Array(0) }));
  }
  if (dtype === "bool")
    return vectorFromArray(
      Array.from(values as Uint8Array, v => v === 1),
      new Bool(),
    );
  return makeVector(values as Int32Array) as Vector;
}

/** @throws RuntimeFault naming the file and what is wrong with it */
export function readVocabulary(file: string): Vocabulary {
  try {
    const table = tableFromIPC(readFileSync(file));
    const value = table.getChild("value");
    const count = table.getChild("count");
    if (!value || !count) throw new Error("it has no columns `value` and `count`");
    if (value.nullCount > 0) throw new Error("a value is null");
    const dtype = dtypeOf(value.type);
    const values = dtype === "string" || dtype === "bool" ? decoded(value, dtype) : (value.toArray() as Values);
    return { dtype, values, counts: count.toArray() as BigInt64Array };
  } catch (error) {
    throw new RuntimeFault(
      "INTERNAL",
      `vocabulary \`${file}\` cannot be read: ${(error as Error).message}. Run \`merlon fit\` again.`,
      { cause: error },
    );
  }
}

function decoded(value: Vector, dtype: DType): Values {
  if (dtype === "bool") return Uint8Array.from({ length: value.length }, (_, i) => (value.get(i) ? 1 : 0));
  return Array.from({ length: value.length }, (_, i) => value.get(i) as string);
}
