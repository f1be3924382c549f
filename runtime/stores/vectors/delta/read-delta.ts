/** Reads a delta from where the last reading ended. Writers append meanwhile: what is not whole yet is read the next time. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import {
  DeltaFileError,
  type DeltaHeader,
  RECORD,
  readCommit,
  readHeader,
  recordAt,
} from "../../../../formats/delta/delta-file.js";
import { type DeltaContents, foldDelta } from "./delta-contents.js";

export interface ReadDelta {
  readonly header: DeltaHeader;
  readonly contents: DeltaContents;
  /** Offset behind the last commit. */
  readonly end: number;
  /** Offset behind the header. */
  readonly start: number;
  /** Identity of the file that was read. */
  readonly inode: bigint;
  readonly size: number;
  /** Continues, or begins anew if the file is another by now. @returns this, if nothing was committed since */
  more(): Promise<ReadDelta | undefined>;
}

/** Bytes of a delta: its vectors are in memory. */
const MOST_BYTES = 8 * 2 ** 30;
/** A FIFO must not block, and a link must not leave the folder. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** @returns undefined if there is none, or its header is not whole yet @throws DeltaFileError naming the file */
export const readDelta = (file: string): Promise<ReadDelta | undefined> => readFrom(file, undefined);

interface State {
  readonly header: DeltaHeader;
  /** The bytes of the header. */
  readonly head: Buffer;
  readonly fold: ReturnType<typeof foldDelta>;
  readonly start: number;
  readonly end: number;
  readonly inode: bigint;
}

async function readFrom(file: string, before: State | undefined): Promise<ReadDelta | undefined> {
  const handle = await open(file, FLAGS).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    if (error.code === "ELOOP") throw new DeltaFileError(`${file} is a symbolic link. Put the file itself there.`);
    throw error;
  });
  if (!handle) return undefined;
  try {
    const { ino: inode, size: bytes, isFile } = await statOf(handle);
    const size = Number(bytes);
    if (!isFile) throw new DeltaFileError(`${file} is not a regular file. Move it away.`);
    if (size > MOST_BYTES)
      throw new DeltaFileError(`${file} has ${size} bytes; at most ${MOST_BYTES}. Run \`merlon index compact\`.`);
    const mayBe = before && before.inode === inode && size >= before.end ? before : undefined;
    // A file that was replaced twice may have the number of the first one.
    const old = mayBe && (await readPart(handle, 0, mayBe.start)).equals(mayBe.head) ? mayBe : undefined;
    const from = old?.end ?? 0;
    const part = await readPart(handle, from, size);
    const head = old ? { header: old.header, end: 0 } : readHeader(part, file);
    if (!head) return undefined;
    const fold = old?.fold ?? foldDelta(head.header, file);
    const end = from + foldAll(part, head.end, fold, file);
    const start = old?.start ?? head.end;
    const state = {
      header: head.header,
      head: old?.head ?? Buffer.from(part.subarray(0, start)),
      fold,
      start,
      end,
      inode,
    };
    return { header: head.header, start, end, inode, size, contents: fold, more: () => readFrom(file, state) };
  } finally {
    await handle.close();
  }
}

async function statOf(handle: Awaited<ReturnType<typeof open>>) {
  const stat = await handle.stat({ bigint: true });
  return { ino: stat.ino, size: stat.size, isFile: stat.isFile() };
}

async function readPart(handle: Awaited<ReturnType<typeof open>>, from: number, to: number): Promise<Buffer> {
  const part = Buffer.alloc(to - from);
  let at = 0;
  while (at < part.length) {
    const { bytesRead } = await handle.read(part, at, Math.min(part.length - at, 2 ** 30), from + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return part.subarray(0, at);
}

/** Takes whole commits only, so that the next reading begins at a commit. @returns the offset behind the last one */
function foldAll(part: Buffer, from: number, fold: ReturnType<typeof foldDelta>, file: string): number {
  let end = from;
  let waiting: NonNullable<ReturnType<typeof recordAt>>[] = [];
  for (let record = recordAt(part, from); record; record = recordAt(part, record.end)) {
    waiting.push(record);
    if (record.kind !== RECORD.commit) continue;
    const commit = readCommit(record.content, file);
    for (const one of waiting) fold.add(one, one === record ? commit : undefined);
    waiting = [];
    end = record.end;
  }
  return end;
}

/** Whether a whole commit follows an offset behind something that is not whole: the file is damaged, and not cut off. */
export function commitFollows(bytes: Buffer, from: number): boolean {
  for (let at = from; at + 16 <= bytes.length; at += 8)
    if (bytes.readUInt32LE(at) === RECORD.commit && recordAt(bytes, at)) return true;
  return false;
}
