/**
 * A table that `merlon fit` learnt, as an Arrow IPC file: key columns (which may hold null) and value columns. One row a key.
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
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import { readArrowColumns } from "../../triton-protos/artefacts/arrow-columns.js";
import { RuntimeFault } from "../errors.js";
import { type Column, rootRows } from "../plan/table.js";

/** Columns by name, all of the same rows. */
export type FittedTable = Readonly<Record<string, Column>>;

/** The bytes of the file: equal for equal tables. */
export function printFittedTable(table: FittedTable): Uint8Array {
  const vectors = Object.entries(table).map(([name, col]) => [name, vectorOf(col)] as const);
  const fields = vectors.map(([name, vector]) => new Field(name, vector.type as DataType, true));
  const schema = new Schema(fields);
  const length = Object.values(table)[0]?.rows.count ?? 0;
  const children = vectors.map(([, vector]) => vector.data[0]!);
  const data = makeData({ type: new Struct(fields), length, nullCount: 0, children });
  return tableToIPC(new Table(schema, new RecordBatch(schema, data)), "file");
}

function vectorOf({ dtype, values, validity }: Column): Vector {
  const known = (i: number) => validity?.[i] !== 0;
  if (dtype === "string") {
    if (values.length > 0)
      return vectorFromArray(
        Array.from(values as readonly string[], (v, i) => (known(i) ? v : null)),
        new Utf8(),
      );
    return makeVector(makeData({ type: new Utf8(), valueOffsets: new Int32Array(1), data: new Uint8Array(0) }));
  }
  if (dtype === "bool")
    return vectorFromArray(
      Array.from(values as Uint8Array, (v, i) => (known(i) ? v === 1 : null)),
      new Bool(),
    );
  const plain = makeVector(values as Int32Array) as Vector;
  if (!validity) return plain;
  const nullBitmap = new Uint8Array(Math.ceil(validity.length / 8));
  for (let i = 0; i < validity.length; i++) if (validity[i] === 1) nullBitmap[i >> 3]! |= 1 << (i & 7);
  return makeVector(
    makeData({ type: plain.type as DataType, length: values.length, nullBitmap, data: values as Int32Array } as never),
  ) as Vector;
}

/** @throws RuntimeFault naming the file and what is wrong with it */
export function readFittedTable(file: string): FittedTable {
  try {
    const columns = readArrowColumns(readFileSync(file));
    const rows = rootRows(Object.values(columns)[0]?.values.length ?? 0);
    return Object.fromEntries(Object.entries(columns).map(([name, col]) => [name, { ...col, rows }]));
  } catch (error) {
    throw new RuntimeFault(
      "INTERNAL",
      `fitted table \`${file}\` cannot be read: ${(error as Error).message}. Run \`merlon fit\` again.`,
      { cause: error },
    );
  }
}
