/** Appends changes to the delta of an index, each whole or not at all, and on disk when `append` returns. One process writes at a time. */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { DeltaFileError, type DeltaHeader, printCommit, printHeader } from "../../../../formats/delta/delta-file.js";
import { type DeltaIds, type DeltaRows, printRows, rowsAtOnce } from "../../../../formats/delta/delta-rows.js";
import { lockFile } from "./lock-file.js";
import { commitFollows, type ReadDelta, readDelta } from "./read-delta.js";

/** One change: deletions take effect before upserts. */
export interface Change {
  readonly deletes?: DeltaIds;
  readonly upserts?: readonly DeltaRows[];
  /** How far sources are applied with it. */
  readonly positions?: Readonly<Record<string, string>>;
}

export interface DeltaWriter {
  /** The state before the first change. */
  readonly delta: ReadDelta;
  /** @throws the system's error where nothing more can be written; then the file is as before */
  append(change: Change): void;
  close(): void;
}

export interface WriterOptions {
  /** The header of a new file. */
  readonly header: () => DeltaHeader | Promise<DeltaHeader>;
  /** Time to wait for another writer. */
  readonly waitMs: number;
  /** An earlier reading of the file, which is continued. */
  readonly before?: ReadDelta | undefined;
}

export const lockOf = (file: string): string => `${file}.lock`;

/** @param file the delta; made if it is missing @throws RuntimeFault @throws DeltaFileError */
export async function openDeltaWriter(file: string, { header, waitMs, before }: WriterOptions): Promise<DeltaWriter> {
  mkdirSync(dirname(file), { recursive: true });
  const release = await lockFile(lockOf(file), file, waitMs);
  try {
    let delta = await (before ? before.more() : readDelta(file));
    if (!delta) {
      // A header that is not whole is one of a process that ended before its first change.
      replaceFile(file, [printHeader(await header())]);
      delta = (await readDelta(file))!;
    }
    return { ...writerOf(file, delta, release), delta };
  } catch (error) {
    release();
    throw error;
  }
}

function writerOf(file: string, { end: first, size }: ReadDelta, release: () => void): Omit<DeltaWriter, "delta"> {
  const handle = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW);
  let end = first;
  try {
    if (size > end) cutTail(handle, file, end);
  } catch (error) {
    closeSync(handle);
    throw error;
  }
  return {
    append: change => {
      const parts = printChange(change);
      let at = end;
      try {
        for (const part of parts) at = writeAll(handle, part, at);
        fdatasyncSync(handle);
      } catch (error) {
        // Cutting needs no space. If it fails, too, the next writer does it.
        try {
          ftruncateSync(handle, end);
        } catch {}
        throw error;
      }
      end = at;
    },
    close: () => {
      closeSync(handle);
      release();
    },
  };
}

/** Cuts off what a process left that ended while it wrote. @throws DeltaFileError if whole commits follow: then the file is damaged */
function cutTail(handle: number, file: string, end: number): void {
  const tail = Buffer.alloc(fstatSync(handle).size - end);
  readSync(handle, tail, 0, tail.length, end);
  if (commitFollows(tail, 8))
    throw new DeltaFileError(
      `${file} is damaged: the record at byte ${end} is not what was written, and others follow it. Restore the file, or remove it and apply the changes again.`,
    );
  ftruncateSync(handle, end);
  fsyncSync(handle);
}

function* printChange({ deletes, upserts = [], positions = {} }: Change): Generator<Uint8Array> {
  if (deletes && deletes.length > 0)
    for (const ids of slices(deletes, rowsAtOnce(1)))
      yield printRows("deletes", { ids, vectors: new Float32Array(0), attributes: new Uint8Array(0) });
  for (const rows of upserts) yield printRows("upserts", rows);
  yield printCommit({ at: Date.now(), positions });
}

function* slices(ids: DeltaIds, size: number): Generator<DeltaIds> {
  for (let at = 0; at < ids.length; at += size) yield ids.slice(at, at + size);
}

/** @returns the offset behind it */
function writeAll(handle: number, bytes: Uint8Array, offset: number): number {
  for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at, bytes.length - at, offset + at);
  return offset + bytes.length;
}

/** A file of these parts, in the place of the one before: a process that ends meanwhile leaves either. */
export function replaceFile(file: string, parts: Iterable<Uint8Array>): void {
  const part = `${file}.new`;
  rmSync(part, { force: true });
  const handle = openSync(part, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o666);
  try {
    let at = 0;
    for (const bytes of parts) at = writeAll(handle, bytes, at);
    fsyncSync(handle);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
  renameSync(part, file);
  syncFolder(dirname(file));
}

/** Puts the entries of a folder on disk. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
