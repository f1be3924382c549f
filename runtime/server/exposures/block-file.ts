/**
 * The log that a process appends to until it becomes a Parquet file: the magic "MERLONX1", then blocks. A block is the length of its payload,
 * the payload's CRC-32 (both uint32, little-endian) and the payload. `read-blocks.ts` reads every whole block, also after a damaged one.
 *
 * The first two payloads are the JSON of `BlockHead`, so that one of them survives a damaged byte. Each other one has the pages of some rows,
 * one per column. In front of them are the length (uint32) and the JSON of their index.
 */
import { ftruncateSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { z } from "zod";
import type { Page, ParquetColumn } from "../../../formats/tables/parquet-page.js";
import { isDType } from "../../../triton-protos/datatype.js";

export const MAGIC = Buffer.from("MERLONX1");
export const FRAME = 8;
/** A block holds one batch, whose memory is bounded far below. */
export const MOST_BLOCK = 2 ** 30;

export const head = z.strictObject({
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
export const index = z.strictObject({
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
  /** Undefined if neither of both is whole: the pages cannot be read then. */
  readonly head: BlockHead | undefined;
  readonly blocks: readonly Block[];
  /** Bytes that are not as they were written. */
  readonly damaged: number;
  /** Bytes of a last block that is not whole. */
  readonly torn: number;
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
  Buffer.concat([MAGIC, ...[1, 2].map(() => frame([Buffer.from(JSON.stringify(of))]))]);

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
