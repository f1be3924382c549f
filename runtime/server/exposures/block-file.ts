/**
 * The log that a process appends to until it becomes a Parquet file: the magic "MERLONX1", then blocks. A block is the length of its payload,
 * the payload's CRC-32 (both uint32, little-endian) and the payload. After a process was killed, every whole block can be read, and a torn one
 * is recognized.
 *
 * The first payload is the JSON of `BlockHead`. Each other one has the pages of some rows, one per column. In front of them are the length
 * (uint32) and the JSON of their index.
 */
import { fstatSync, ftruncateSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { z } from "zod";
import type { Page, ParquetColumn } from "../../../formats/tables/parquet-page.js";
import { isDType } from "../../../triton-protos/datatype.js";

const MAGIC = Buffer.from("MERLONX1");
const FRAME = 8;
/** A block holds one batch, whose memory is bounded far below. */
const MOST_BLOCK = 2 ** 30;

const head = z.strictObject({
  format: z.literal(1),
  model: z.string(),
  plan: z.string(),
  kept: z.array(z.string()),
  columns: z.array(
    z.strictObject({
      name: z.string(),
      dtype: z.custom<ParquetColumn["dtype"]>(
        value => typeof value === "string" && isDType(value) && value !== "bfloat16",
      ),
      list: z.boolean().optional(),
      nullable: z.boolean().optional(),
      timestamp: z.boolean().optional(),
    }),
  ),
});
/** The description of a log. */
export type BlockHead = Readonly<z.infer<typeof head>>;

const count = z.int().nonnegative();
const index = z.strictObject({
  rows: count,
  /** For each column: bytes of its page, bytes before compression, number of levels. */
  pages: z.array(z.tuple([count, count, count])),
});

/** One page in the file. */
export interface PlacedPage {
  readonly offset: number;
  readonly bytes: number;
  readonly uncompressed: number;
  readonly entries: number;
}

export interface Block {
  readonly rows: number;
  readonly pages: readonly PlacedPage[];
}

export interface BlockFile {
  readonly head: BlockHead;
  readonly blocks: readonly Block[];
  /** Bytes that are whole; what follows was torn. */
  readonly whole: number;
}

const frame = (payload: readonly Uint8Array[]): Uint8Array => {
  const start = Buffer.alloc(FRAME);
  start.writeUInt32LE(payload.reduce((sum, part) => sum + part.length, 0));
  start.writeUInt32LE(
    payload.reduce((sum, part) => crc32(part, sum), 0),
    4,
  );
  return Buffer.concat([start, ...payload]);
};

/** The first bytes of a log. */
export const printHead = (of: BlockHead): Uint8Array =>
  Buffer.concat([MAGIC, frame([Buffer.from(JSON.stringify(of))])]);

export function printBlock(rows: number, pages: readonly Page[]): Uint8Array {
  const text = Buffer.from(
    JSON.stringify({
      rows,
      pages: pages.map(({ bytes, uncompressed, entries }) => [bytes.length, uncompressed, entries]),
    } satisfies z.infer<typeof index>),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return frame([length, text, ...pages.map(({ bytes }) => bytes)]);
}

/** Appends whole or not at all, as far as the file system lets it be undone. @throws Error of the file system */
export function appendWhole(file: number, bytes: Uint8Array, at: number): void {
  try {
    // A disk that is almost full takes a part, and fails with the rest.
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done);
  } catch (error) {
    ftruncateSync(file, at);
    throw error;
  }
}

/** Reads a log up to the first block that is not whole. @returns undefined if not even its description is */
export function readBlocks(file: number): BlockFile | undefined {
  const { size } = fstatSync(file);
  const start = readAt(file, 0, MAGIC.length);
  if (!start.equals(MAGIC)) return undefined;
  const first = readFrame(file, MAGIC.length, size);
  const described = first && head.safeParse(jsonOf(first.payload));
  if (!described?.success) return undefined;
  const blocks: Block[] = [];
  let whole = first!.end;
  for (let next = readFrame(file, whole, size); next; next = readFrame(file, whole, size)) {
    const block = blockOf(next.payload, whole + FRAME, described.data.columns.length);
    if (!block) break;
    blocks.push(block);
    whole = next.end;
  }
  return { head: described.data, blocks, whole };
}

function readFrame(
  file: number,
  at: number,
  size: number,
): { readonly payload: Buffer; readonly end: number } | undefined {
  if (at + FRAME > size) return undefined;
  const start = readAt(file, at, FRAME);
  const length = start.readUInt32LE(0);
  const end = at + FRAME + length;
  if (length === 0 || length > MOST_BLOCK || end > size) return undefined;
  const payload = readAt(file, at + FRAME, length);
  return crc32(payload) === start.readUInt32LE(4) ? { payload, end } : undefined;
}

function blockOf(payload: Buffer, start: number, columns: number): Block | undefined {
  if (payload.length < 4) return undefined;
  const length = payload.readUInt32LE(0);
  const read = index.safeParse(jsonOf(payload.subarray(4, 4 + length)));
  if (!read.success || read.data.pages.length !== columns) return undefined;
  let offset = start + 4 + length;
  const pages = read.data.pages.map(([bytes, uncompressed, entries]) => {
    offset += bytes;
    return { offset: offset - bytes, bytes, uncompressed, entries };
  });
  return offset === start + payload.length ? { rows: read.data.rows, pages } : undefined;
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

function readAt(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, at + done);
    if (read === 0) return bytes.subarray(0, done);
    done += read;
  }
  return bytes;
}
