/**
 * The file of changes beside a FAISS index (docs/reference/index-delta.md): a header, then records that are only appended. Records take effect with
 * the commit that follows them, so a change is there as a whole or not at all. All numbers are little-endian, all parts begin at multiples of 8.
 */
import { crc32 } from "node:zlib";
import { z } from "zod";

const MAGIC = "MERLONDL";
export const DELTA_VERSION = 1;
/** Bytes before the header's JSON, and around the content of a record. */
const HEAD = 16;
const FRAME = 16;
const MOST_HEADER = 64 * 2 ** 10;
/** Bytes of one record; larger changes are several records before one commit. */
export const MOST_RECORD = 64 * 2 ** 20;

export const RECORD = { upserts: 1, deletes: 2, attributes: 3, commit: 4 } as const;
export type RecordKind = (typeof RECORD)[keyof typeof RECORD];
const KINDS: readonly number[] = Object.values(RECORD);

const headerSchema = z.strictObject({
  ids: z.enum(["int64", "string"]),
  dimension: z.number().int().min(1).max(65_536),
  metric: z.enum(["ip", "l2"]),
  /** Vectors are brought to length 1 before they are written, as those of the base are. */
  unit: z.boolean(),
  /** The index that is changed: a file beside the delta, or "" for the index itself. */
  base: z.strictObject({
    file: z.string().max(255),
    bytes: z.number().int().nonnegative(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});
export type DeltaHeader = z.infer<typeof headerSchema>;

const commitSchema = z.strictObject({
  /** Milliseconds since 1970. */
  at: z.number(),
  /** How far sources have been applied, by their names. */
  positions: z.record(z.string(), z.string()).default({}),
});
export type DeltaCommit = z.infer<typeof commitSchema>;

/** A file that is not a delta, of another version, or damaged. */
export class DeltaFileError extends Error {
  override readonly name = "DeltaFileError";
}

const padded = (length: number): number => Math.ceil(length / 8) * 8;

export function printHeader(header: DeltaHeader): Uint8Array {
  const json = Buffer.from(JSON.stringify(header));
  const bytes = Buffer.alloc(HEAD + padded(json.length) + 8);
  bytes.write(MAGIC, "latin1");
  bytes.writeUInt32LE(DELTA_VERSION, 8);
  bytes.writeUInt32LE(json.length, 12);
  bytes.set(json, HEAD);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, bytes.length - 8)), bytes.length - 8);
  return bytes;
}

/**
 * @param where file name, for messages
 * @returns undefined if the bytes end before the header does @throws DeltaFileError
 */
export function readHeader(
  bytes: Buffer,
  where: string,
): { readonly header: DeltaHeader; readonly end: number } | undefined {
  const magic = bytes.toString("latin1", 0, 8);
  if (!MAGIC.startsWith(magic)) throw new DeltaFileError(`${where} is not a delta of an index. Move it away.`);
  if (bytes.length < HEAD) return undefined;
  const version = bytes.readUInt32LE(8);
  if (version !== DELTA_VERSION)
    throw new DeltaFileError(
      `${where} has version ${version} of the format, and this Merlon reads ${DELTA_VERSION}. Use the Merlon that wrote it, and run \`merlon index compact\`.`,
    );
  const length = bytes.readUInt32LE(12);
  const end = HEAD + padded(length) + 8;
  if (length <= MOST_HEADER && bytes.length < end) return undefined;
  if (length > MOST_HEADER || crc32(bytes.subarray(0, end - 8)) !== bytes.readUInt32LE(end - 8))
    throw damagedHeader(where);
  const parsed = headerSchema.safeParse(parse(bytes.toString("utf8", HEAD, HEAD + length)));
  if (!parsed.success || !/^[^/\0]*$/.test(parsed.data.base.file)) throw damagedHeader(where);
  return { header: parsed.data, end };
}

const damagedHeader = (where: string): DeltaFileError =>
  new DeltaFileError(`${where} is damaged: its header is not what was written. Restore it, or remove it.`);

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** One record, with its checksum. @throws RangeError for one that is too large */
export function printRecord(kind: RecordKind, parts: readonly Uint8Array[]): Uint8Array {
  const length = padded(parts.reduce((sum, part) => sum + padded(part.length), 0));
  if (length > MOST_RECORD) throw new RangeError(`a record of ${length} bytes; at most ${MOST_RECORD}`);
  const bytes = Buffer.alloc(FRAME + length);
  bytes.writeUInt32LE(kind, 0);
  bytes.writeUInt32LE(length, 4);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += padded(part.length);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at);
  return bytes;
}

export const printCommit = (commit: DeltaCommit): Uint8Array => {
  const json = Buffer.from(JSON.stringify(commit));
  const length = Buffer.alloc(8);
  length.writeUInt32LE(json.length);
  return printRecord(RECORD.commit, [length, json]);
};

export interface DeltaRecord {
  readonly kind: RecordKind;
  readonly content: Buffer;
  /** Offset of the next record. */
  readonly end: number;
}

/** The record at an offset; undefined if it is not whole. @param at a multiple of 8 */
export function recordAt(bytes: Buffer, at: number): DeltaRecord | undefined {
  if (at + FRAME > bytes.length) return undefined;
  const [kind, length] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
  const end = at + FRAME + length;
  if (!KINDS.includes(kind) || length % 8 !== 0 || length > MOST_RECORD || end > bytes.length) return undefined;
  if (crc32(bytes.subarray(at, end - 8)) !== bytes.readUInt32LE(end - 8)) return undefined;
  return { kind: kind as RecordKind, content: bytes.subarray(at + 8, end - 8), end };
}

/** @throws DeltaFileError for a commit whose content is another's */
export function readCommit(content: Buffer, where: string): DeltaCommit {
  const length = content.length >= 8 ? content.readUInt32LE(0) : 0;
  const parsed = commitSchema.safeParse(parse(content.toString("utf8", 8, 8 + length)));
  if (!parsed.success) throw new DeltaFileError(`${where} has a commit that this Merlon cannot read.`);
  return parsed.data;
}
