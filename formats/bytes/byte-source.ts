/**
 * Bytes read in pieces: a file or a buffer, by offset. For artefacts whose facts are a few bytes in a file of gigabytes.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export interface ByteSource {
  readonly size: number;
  /** @returns exactly `length` bytes; the caller has checked that they are there */
  read(offset: number, length: number): Uint8Array;
}

export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

/** Opens a file, hands it over, closes it. */
export function withFile<T>(path: string, use: (source: ByteSource) => T): T {
  const handle = openSync(path, "r");
  try {
    const read = (offset: number, length: number): Uint8Array => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const got = readSync(handle, bytes, at, length - at, offset + at);
        if (got === 0) return bytes.subarray(0, at);
        at += got;
      }
      return bytes;
    };
    return use({ size: fstatSync(handle).size, read });
  } finally {
    closeSync(handle);
  }
}
