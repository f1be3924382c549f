/**
 * Lists of candidates by key: an Arrow file with a row for each candidate. Column `key` has the key, whose rows are consecutive and best
 * first; `id` has the candidate, and `score` (float32, optional) its score. The schema's metadata has the checksum of the columns, since the file
 * is replaced while it is served.
 */
import { createHash } from "node:crypto";
import { FILE_LIMITS, readRegularSync } from "../../contract/files/read-regular.js";
import { type DType, datatype, type Values } from "../../triton-protos/datatype.js";
import { type ArrowColumn, readArrowColumns } from "../arrow/arrow-columns.js";
import { readArrowMetadata } from "../arrow/arrow-file.js";
import { bytesSource } from "../bytes/byte-source.js";
import { readTrained, type TrainedColumn } from "../merlin-schema/trained-on.js";

/** Ending of such files in a repository. Its manifest lists them as replaceable. */
export const CANDIDATES_SUFFIX = ".candidates";

/** Key of the metadata: SHA-256 of the columns in hexadecimal. */
export const CANDIDATES_SUM = "merlon:candidates-sha256";

/** Key of the metadata: the column of the data with the ids, and the one with the keys, in the form of `TRAINED_ON`. */
export const CANDIDATES_OF = "merlon:candidates-of";

export interface TableColumn {
  readonly dtype: DType;
  readonly values: Values;
}

export interface CandidateTable {
  /** Each key once, in order. */
  readonly keys: TableColumn;
  /** Candidates of key i are `ids[starts[i]] … ids[starts[i + 1] - 1]`. */
  readonly starts: Int32Array;
  readonly ids: TableColumn;
  /** float32 */
  readonly scores?: Float32Array;
  /** The column of the data that ids are of, and that of keys; absent in older tables. */
  readonly itemOf?: TrainedColumn | undefined;
  readonly keyOf?: TrainedColumn | undefined;
}

/** The checksum of columns, whatever the layout of the file. */
export function sumOfCandidates(columns: readonly TableColumn[]): string {
  const sum = createHash("sha256");
  for (const { dtype, values } of columns) {
    sum.update(`${dtype}\n${values.length}\n`);
    if (Array.isArray(values)) for (const text of values as readonly string[]) sum.update(`${text.length}\n${text}`);
    else {
      const { buffer, byteOffset, byteLength } = values as Float32Array;
      sum.update(new Uint8Array(buffer, byteOffset, byteLength));
    }
  }
  return sum.digest("hex");
}

/** @throws Error that says what is wrong, without the file's name */
export function parseCandidateTable(bytes: Uint8Array): CandidateTable {
  const columns = readArrowColumns(bytes);
  const names = Object.keys(columns).join(", ");
  const metadata = readArrowMetadata(bytesSource(bytes));
  const sum = metadata.get(CANDIDATES_SUM);
  const { key, id, score } = columns;
  if (!key || !id || sum === undefined)
    throw new Error(`it is not a table of candidates: it has the columns ${names || "of none"}`);
  const keys = checked("key", key, dtype => isId(dtype) || dtype === "bool");
  const ids = checked("id", id, isId);
  const scores = score && checked("score", score, dtype => dtype === "float32");
  if (sumOfCandidates([keys, ids, ...(scores ? [scores] : [])]) !== sum)
    throw new Error("it is damaged: its columns differ from its checksum");
  const length = keys.values.length;
  if (length === 0) throw new Error("it holds no candidates");
  const [itemOf, keyOf] = readTrained(metadata.get(CANDIDATES_OF) ?? "");
  return { ...runsOf(keys), ids, itemOf, keyOf, ...(scores && { scores: scores.values as Float32Array }) };
}

/** @throws Error that says what is wrong, without the file's name */
export const readCandidateTable = (file: string): CandidateTable =>
  parseCandidateTable(readRegularSync(file, FILE_LIMITS.data));

const isId = (dtype: DType): boolean => dtype === "string" || ["int", "uint"].includes(datatype(dtype).kind);

function checked(name: string, { dtype, values, validity }: ArrowColumn, fits: (dtype: DType) => boolean): TableColumn {
  if (!fits(dtype)) throw new Error(`its column \`${name}\` is ${dtype}`);
  const at = validity?.indexOf(0) ?? -1;
  if (at >= 0) throw new Error(`its column \`${name}\` has a null in row ${at}`);
  return { dtype, values };
}

/** @throws Error for a key whose rows are apart */
function runsOf({ dtype, values }: TableColumn): Pick<CandidateTable, "keys" | "starts"> {
  const seen = new Set<unknown>();
  const starts: number[] = [];
  for (let row = 0; row < values.length; row++) {
    const key: unknown = values[row];
    if (row > 0 && key === values[row - 1]) continue;
    if (seen.has(key)) throw new Error(`the rows of key ${String(key)} are apart: row ${row} has it again`);
    seen.add(key);
    starts.push(row);
  }
  const firsts = starts.map(row => values[row]!);
  const { array } = datatype(dtype);
  const keys = array ? (array as Float64ArrayConstructor).from(firsts as readonly number[]) : firsts;
  return { keys: { dtype, values: keys as Values }, starts: Int32Array.from([...starts, values.length]) };
}
