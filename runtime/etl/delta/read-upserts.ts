/** A Parquet or Arrow file of ids, vectors and attributes → the rows of an upsert, each id once: of several rows the last. */
import { column } from "../../../contract/schema.js";
import type { DeltaHeader } from "../../../formats/delta/delta-file.js";
import { type DeltaIds, type DeltaRows, rowsAtOnce } from "../../../formats/delta/delta-rows.js";
import { readAttributeColumns } from "../../../formats/tables/attribute-table.js";
import type { DType } from "../../../triton-protos/datatype.js";
import { invalid } from "../../base/errors.js";
import type { Piece } from "../../stores/attributes/attribute-column.js";
import { readTable } from "../../stores/attributes/read-table.js";
import { toUnitItems } from "../../stores/vectors/unit-length.js";
import { formatOf } from "../data-formats.js";
import { openData } from "../data-source.js";
import type { Database } from "../database.js";
import type { VectorColumns } from "../keyed-vectors.js";
import { printPickedRows } from "./print-picked-rows.js";

export interface ReadUpserts {
  readonly rows: readonly DeltaRows[];
  readonly count: number;
  /** Rows that a later row of the same id replaced. */
  readonly replaced: number;
  /** Names of the attributes. */
  readonly attributes: readonly string[];
}

/** @throws RuntimeFault naming file, column and row */
export async function readUpserts(
  database: Database,
  file: string,
  { id, embedding }: VectorColumns,
  header: Pick<DeltaHeader, "ids" | "dimension" | "unit">,
): Promise<ReadUpserts> {
  const format = formatOf(file);
  if (format !== "parquet" && format !== "arrow")
    throw invalid(`${file} is not an upsert: it must be a .parquet or an .arrow file, with a row per item.`);
  const wanted = [column(id, header.ids), column(embedding, "float32", { list: { min: 0, max: null } })];
  const source = await openData(database, { files: [file], format }, wanted, [], true);
  const result = await database.connection.stream(`SELECT ${source.expressions.join(", ")} FROM ${source.relation}`);
  const { dimension } = header;
  const ids: (bigint | string)[] = [];
  const vectors: Float32Array[] = [];
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const lists = chunk.getColumnValues(1);
    for (const [i, key] of chunk.getColumnValues(0).entries()) {
      const at = `${file}, row ${ids.length} (from 0)`;
      if (key === null) throw invalid(`${at}: column \`${id}\` is null. Each row needs the id of its item.`);
      vectors.push(vectorOf((lists[i] as { items: readonly unknown[] } | null)?.items, dimension, embedding, at, key));
      ids.push(key as bigint | string);
    }
  }
  const rowOf = new Map(ids.map((key, row) => [key, row]));
  const last = Int32Array.from([...rowOf.values()].sort((a, b) => a - b));
  const { names, pieces } = await attributesOf(file, id, embedding);
  const rows: DeltaRows[] = [];
  const size = rowsAtOnce(dimension);
  for (let from = 0; from < last.length; from += size) {
    const some = last.subarray(from, from + size);
    const flat = new Float32Array(some.length * dimension);
    some.forEach((row, i) => void flat.set(vectors[row]!, i * dimension));
    if (header.unit) toUnitItems(flat, dimension, row => ids[some[row]!]);
    rows.push({ ids: idsOf(some, ids, header), vectors: flat, attributes: attributesIn(pieces, some) });
  }
  return { rows, count: last.length, replaced: ids.length - last.length, attributes: names };
}

function vectorOf(
  items: readonly unknown[] | undefined,
  dimension: number,
  embedding: string,
  at: string,
  key: unknown,
): Float32Array {
  const named = `${at}, id ${typeof key === "string" ? JSON.stringify(key.slice(0, 80)) : String(key)}`;
  if (items?.length !== dimension)
    throw invalid(
      `${named}: column \`${embedding}\` has ${items ? `${items.length} numbers` : "no vector"}, and the index vectors of ${dimension}. Use the tower that the index was built with.`,
    );
  // A NaN is a null by now.
  const odd = items.findIndex(x => !Number.isFinite(x));
  if (odd >= 0)
    throw invalid(
      `${named}: column \`${embedding}\` has ${items[odd] ?? "a null or NaN"} at place ${odd}, and nothing is near it. Leave that row out.`,
    );
  return Float32Array.from(items as readonly number[]);
}

const idsOf = (rows: Int32Array, ids: readonly (bigint | string)[], header: Pick<DeltaHeader, "ids">): DeltaIds =>
  header.ids === "int64"
    ? BigInt64Array.from(rows as Iterable<number>, row => ids[row] as bigint)
    : Array.from(rows, row => ids[row] as string);

/** The other columns of the file: numbers, texts and bools. */
async function attributesOf(
  file: string,
  ...without: readonly string[]
): Promise<{ readonly names: readonly string[]; readonly pieces: ReadonlyMap<string, Piece & { dtype: DType }> }> {
  const { columns } = readAttributeColumns(file);
  const read = columns.flatMap(({ name, dtype }) => (dtype && !without.includes(name) ? [[name, dtype] as const] : []));
  if (read.length === 0) return { names: [], pieces: new Map() };
  const pieces = await readTable(file, new Map(read));
  return {
    names: read.map(([name]) => name),
    pieces: new Map(read.map(([name, dtype]) => [name, { ...pieces.get(name)!, dtype }])),
  };
}

const attributesIn = (pieces: ReadonlyMap<string, Piece & { dtype: DType }>, rows: Int32Array): Uint8Array =>
  pieces.size === 0 ? new Uint8Array(0) : printPickedRows(pieces, rows);
