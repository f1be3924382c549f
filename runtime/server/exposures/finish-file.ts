/** A log of blocks → a Parquet file: the pages of several blocks become one column chunk. They are copied and not decoded. */
import { closeSync, constants, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { EXPOSURE_FORMAT, EXPOSURE_METADATA } from "../../../contract/exposures.js";
import { type ColumnChunk, printFooter, type RowGroup } from "../../../formats/tables/parquet-footer.js";
import type { Block, BlockHead, PlacedPage } from "./block-file.js";

/** Rows after which a row group ends: what DuckDB reads at a time. */
const GROUP_ROWS = 122_880;
const PIECE = 1 << 20;

/**
 * @param from the log, open
 * @param to the Parquet file, which has another name until it is whole
 * @throws Error of the file system; nothing is left of the Parquet file then
 */
export function finishFile(from: number, head: BlockHead, blocks: readonly Block[], to: string): void {
  const temporary = `${to}.tmp`;
  const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
  const file = openSync(temporary, O_CREAT | O_NOFOLLOW | O_TRUNC | O_WRONLY, 0o640);
  try {
    const out = { file, at: 0 };
    append(out, Buffer.from("PAR1"));
    const groups = groupsOf(blocks).map(group => writeGroup(from, out, head.columns.length, group));
    const { model, plan, kept } = head;
    const metadata = { [EXPOSURE_METADATA]: JSON.stringify({ format: EXPOSURE_FORMAT, model, plan, kept }) };
    append(out, printFooter(head.columns, groups, metadata));
    fsyncSync(file);
  } catch (error) {
    closeSync(file);
    rmSync(temporary, { force: true });
    throw error;
  }
  closeSync(file);
  renameSync(temporary, to);
}

function groupsOf(blocks: readonly Block[]): readonly (readonly Block[])[] {
  const groups: Block[][] = [];
  let rows = GROUP_ROWS;
  for (const block of blocks) {
    if (rows >= GROUP_ROWS) {
      groups.push([]);
      rows = 0;
    }
    groups.at(-1)!.push(block);
    rows += block.rows;
  }
  return groups;
}

interface Out {
  readonly file: number;
  at: number;
}

function writeGroup(from: number, out: Out, columns: number, blocks: readonly Block[]): RowGroup {
  const chunks: ColumnChunk[] = [];
  for (let column = 0; column < columns; column++) {
    const pages = blocks.map(({ pages }) => pages[column]!);
    const offset = out.at;
    for (const page of pages) copy(from, page, out);
    const sum = (of: (page: PlacedPage) => number): number => pages.reduce((all, page) => all + of(page), 0);
    chunks.push({
      offset,
      compressed: out.at - offset,
      uncompressed: sum(page => page.uncompressed),
      entries: sum(page => page.entries),
    });
  }
  return { rows: blocks.reduce((sum, { rows }) => sum + rows, 0), chunks };
}

function copy(from: number, { offset, bytes }: PlacedPage, out: Out): void {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE, bytes));
  for (let done = 0; done < bytes; ) {
    const read = readSync(from, buffer, 0, Math.min(buffer.length, bytes - done), offset + done);
    if (read === 0) throw new Error("the log ended before its pages did");
    append(out, buffer.subarray(0, read));
    done += read;
  }
}

function append(out: Out, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const written = writeSync(out.file, bytes, done, bytes.length - done, out.at);
    out.at += written;
    done += written;
  }
}
