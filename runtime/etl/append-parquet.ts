/**
 * Parquet files of one schema → one of them with the row groups of all, in order. The bytes are copied unchanged, and the footer has the
 * new offsets. https://parquet.apache.org/docs/file-format/metadata
 */
import { type FileHandle, open } from "node:fs/promises";
import {
  type Field,
  type List,
  printStruct,
  readStruct,
  type Struct,
  TYPE,
  type Value,
} from "../../formats/tables/thrift-compact.js";

const MAGIC = Buffer.from("PAR1");
const PIECE = 4 * 1024 * 1024;

// Numbers of fields in parquet.thrift.
const FILE = { rows: 3, rowGroups: 4 };
const ROW_GROUP = { columns: 1, offset: 5, ordinal: 7 };
const COLUMN = { offset: 2, metadata: 3, offsetIndex: 4, columnIndex: 6 };
const METADATA = { dataPage: 9, indexPage: 10, dictionaryPage: 11, bloomFilter: 14 };

export interface GrowingParquet {
  /** Appends the row groups of a file. One at a time. */
  append(file: string): Promise<void>;
  /** Writes the footer; without it the file is not Parquet any more. */
  finish(): Promise<void>;
  /** Closes the file in any state. */
  close(): Promise<void>;
}

/** Opens a file that others are appended to. */
export async function growParquet(file: string): Promise<GrowingParquet> {
  const target = await open(file, "r+");
  const { footer, end: first } = await readFooter(target);
  let end = first;
  let rows = numberOf(footer, FILE.rows);
  const groups = [...listOf(footer, FILE.rowGroups).items] as Struct[];
  return {
    async append(part) {
      const source = await open(part);
      try {
        const more = await readFooter(source);
        const shift = end - MAGIC.length;
        for (const group of listOf(more.footer, FILE.rowGroups).items as Struct[])
          groups.push(moved(group, shift, groups.length));
        rows += numberOf(more.footer, FILE.rows);
        await copy(source, MAGIC.length, more.end, target, end);
        end += more.end - MAGIC.length;
      } finally {
        await source.close();
      }
    },
    async finish() {
      const all = set(set(footer, FILE.rows, rows), FILE.rowGroups, { type: TYPE.struct, items: groups });
      const bytes = printStruct(all);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      const tail = Buffer.concat([bytes, length, MAGIC]);
      await writeAll(target, tail, end);
      await target.truncate(end + tail.length);
    },
    close: () => target.close(),
  };
}

/** The footer, and its offset: it is preceded by row groups and their data. */
async function readFooter(file: FileHandle): Promise<{ readonly footer: Struct; readonly end: number }> {
  const { size } = await file.stat();
  const tail = Buffer.alloc(8);
  await file.read(tail, 0, 8, size - 8);
  const length = tail.readUInt32LE(0);
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, size - 8 - length);
  return { footer: readStruct(bytes), end: size - 8 - length };
}

async function copy(from: FileHandle, start: number, end: number, to: FileHandle, at: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE, end - start));
  for (let done = 0; done < end - start; ) {
    const { bytesRead } = await from.read(buffer, 0, Math.min(PIECE, end - start - done), start + done);
    if (bytesRead === 0) throw new Error("the file ended before its row groups did");
    await writeAll(to, buffer.subarray(0, bytesRead), at + done);
    done += bytesRead;
  }
}

/** An almost full disk writes only a part of the buffer, and reports the error with the rest. */
async function writeAll(to: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await to.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

function moved(group: Struct, shift: number, ordinal: number): Struct {
  const columns = listOf(group, ROW_GROUP.columns);
  const items = (columns.items as Struct[]).map(column => {
    const chunk = shifted(column, [COLUMN.offset, COLUMN.offsetIndex, COLUMN.columnIndex], shift);
    const metadata = chunk.get(COLUMN.metadata)!.value as Struct;
    return set(chunk, COLUMN.metadata, shifted(metadata, Object.values(METADATA), shift));
  });
  const own = set(shifted(group, [ROW_GROUP.offset], shift), ROW_GROUP.columns, { ...columns, items });
  return own.has(ROW_GROUP.ordinal) ? set(own, ROW_GROUP.ordinal, ordinal) : own;
}

/** 0 says that there is no such place. */
function shifted(of: Struct, fields: readonly number[], shift: number): Struct {
  let found = of;
  for (const field of fields) if (numberOf(of, field) > 0) found = set(found, field, numberOf(of, field) + shift);
  return found;
}

const set = (of: Struct, number: number, value: Value): Struct =>
  new Map<number, Field>([...of].map(([n, field]) => [n, n === number ? { ...field, value } : field]));
const numberOf = (of: Struct, number: number): number => (of.get(number)?.value as number | undefined) ?? 0;
const listOf = (of: Struct, number: number): List => of.get(number)!.value as List;
