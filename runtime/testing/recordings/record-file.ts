/**
 * The file of a recording: whole records, one after the other, as fast as the disk takes them. If the disk is full, the file is truncated
 * to its last whole record, and later exchanges are counted as lost.
 */
import { type FileHandle, open } from "node:fs/promises";

/** Limit of bytes that wait for the disk, and of those that wait to be read; exchanges beyond it are lost. */
export const MOST_WAITING = 2 ** 29;

export interface RecordFile {
  /** Requests whose records are in the file. */
  readonly kept: number;
  readonly lost: number;
  /** Why the file is not written any more. */
  readonly fault: Error | undefined;
  /** @param requests that the record keeps */
  write(parts: readonly (string | Uint8Array)[], requests?: number): void;
  /** Counts a request that no record keeps. */
  lose(): void;
  /** Resolves when everything is written, or can't be. */
  close(): Promise<void>;
}

interface Waiting {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly requests: number;
}

/** @param warn is called once where the disk is too slow, and once where it takes no more @throws Error when the file can't be made */
export async function createRecordFile(path: string, warn: (text: string) => void): Promise<RecordFile> {
  // Answers and headers are for their own user alone.
  const handle = await open(path, "w", 0o600).catch(error => {
    throw new Error(`${path} can't be written: ${(error as Error).message}`, { cause: error });
  });
  if ((await handle.stat()).isFile()) await handle.chmod(0o600).catch(() => {});
  const queue: Waiting[] = [];
  let [waiting, written, kept, lost] = [0, 0, 0, 0];
  let fault: Error | undefined;
  let isSlow = false;
  let work: Promise<void> | undefined;
  const drain = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      waiting -= next.bytes;
      if (fault) {
        lost += next.requests;
        continue;
      }
      try {
        for (const part of next.parts) await writeAll(handle, part);
        written += next.bytes;
        kept += next.requests;
      } catch (error) {
        fault = error as Error;
        lost += next.requests;
        await handle.truncate(written).catch(() => {});
        warn(`${path} is not written any more: ${fault.message}`);
      }
    }
    work = undefined;
  };
  return {
    get kept() {
      return kept;
    },
    get lost() {
      return lost;
    },
    get fault() {
      return fault;
    },
    write(given, requests = 0) {
      const parts = given.map(part => (typeof part === "string" ? Buffer.from(part) : part));
      const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
      if (fault || (waiting > 0 && waiting + bytes > MOST_WAITING)) {
        lost += requests;
        if (!fault && !isSlow) warn(`${path} is written more slowly than requests arrive: some are not recorded`);
        isSlow = true;
        return;
      }
      queue.push({ parts, bytes, requests });
      waiting += bytes;
      work ??= drain();
    },
    lose: () => void lost++,
    async close() {
      await work;
      await handle.close();
    },
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.byteLength - at);
    at += bytesWritten;
  }
}
