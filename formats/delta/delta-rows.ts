/** The contents of a delta's records: ids, vectors and attributes of rows ↔ bytes. */
import { isUtf8 } from "node:buffer";
import { DeltaFileError, type DeltaHeader, type DeltaRecord, MOST_RECORD, printRecord, RECORD } from "./delta-file.js";

/** Ids as an index answers them. */
export type DeltaIds = BigInt64Array | readonly string[];

/** Rows of an upsert, or of a deletion, which has no vectors. */
export interface DeltaRows {
  readonly ids: DeltaIds;
  /** Row after row; empty for deletions and for attributes alone. */
  readonly vectors: Float32Array;
  /** The rows' attributes as an Arrow file; empty if there are none. */
  readonly attributes: Uint8Array;
}

const NONE = new Float32Array(0);

/** Rows of one record: half of a record's size at most. */
export const rowsAtOnce = (dimension: number): number => Math.max(1, Math.floor(MOST_RECORD / 4 / (dimension * 4 + 8)));

/** @throws RangeError for rows that are too large for one record */
export function printRows(kind: "upserts" | "deletes" | "attributes", rows: DeltaRows): Uint8Array {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(rows.ids.length, 0);
  head.writeUInt32LE(rows.attributes.length, 4);
  return printRecord(RECORD[kind], [head, ...idParts(rows.ids), bytesOf(rows.vectors), rows.attributes]);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function idParts(ids: DeltaIds): readonly Uint8Array[] {
  if (ids instanceof BigInt64Array) return [bytesOf(ids)];
  const texts = ids.map(text => Buffer.from(text));
  const offsets = new Uint32Array(ids.length + 1);
  texts.forEach((text, i) => {
    offsets[i + 1] = offsets[i]! + text.length;
  });
  return [bytesOf(offsets), Buffer.concat(texts)];
}

/** @throws DeltaFileError naming the file, for a content of another size, ids that are not UTF-8, or numbers that are not finite */
export function readRows({ kind, content }: DeltaRecord, header: DeltaHeader, where: string): DeltaRows {
  const fail = (what: string): never => {
    throw new DeltaFileError(`${where} is damaged: a record ${what}. Restore it, or remove it.`);
  };
  if (content.length < 8) fail("is too short");
  const count = content.readUInt32LE(0);
  const attributeBytes = content.readUInt32LE(4);
  let at = 8;
  const take = (length: number): Buffer => {
    if (at + length > content.length) fail(`of ${count} rows is too short`);
    const part = content.subarray(at, at + length);
    at += Math.ceil(length / 8) * 8;
    return part;
  };
  const ids = header.ids === "int64" ? new BigInt64Array(copied(take(8 * count))) : readTexts(count, take, fail);
  const dimension = kind === RECORD.upserts ? header.dimension : 0;
  const vectors = dimension === 0 ? NONE : new Float32Array(copied(take(4 * dimension * count)));
  for (let i = 0; i < vectors.length; i++) if (!Number.isFinite(vectors[i]!)) fail("has numbers that are not finite");
  return { ids, vectors, attributes: new Uint8Array(copied(take(attributeBytes))) };
}

/** Aligned, and independent of the bytes that were read. */
const copied = (part: Uint8Array): ArrayBuffer => Uint8Array.from(part).buffer;

function readTexts(count: number, take: (length: number) => Buffer, fail: (what: string) => never): string[] {
  const offsets = new Uint32Array(copied(take(4 * (count + 1))));
  const bytes = take(offsets[count]!);
  return Array.from({ length: count }, (_, i) => {
    const [start, end] = [offsets[i]!, offsets[i + 1]!];
    if (start > end || end > bytes.length || !isUtf8(bytes.subarray(start, end)))
      return fail("has texts that are not UTF-8");
    return bytes.toString("utf8", start, end);
  });
}
