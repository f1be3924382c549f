/**
 * An open embedding table: keys in memory, vectors in memory if they fit, which processes share. Otherwise rows are read through the page cache, and the last used
 * are cached in the same number of bytes.
 */
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { KEYS, readEmbeddingTable, VECTORS } from "../../../formats/tables/embedding-table.js";
import { words } from "../../base/columns/words.js";
import { sharedCopySync } from "../../base/shared/shared-copy.js";
import { hotRows } from "./hot-rows.js";
import { readExactly } from "./read-exactly.js";

export interface OpenTable {
  readonly count: number;
  readonly dimension: number;
  /** Bytes that vectors take in memory at most. */
  readonly memory: number;
  /** Place of the key with these 32-bit words, or −1. O(log count). */
  find(low: number, high: number): number;
  /** Copies the vector at a place into `to[start] …`. @throws RuntimeFault when the file has become shorter */
  copy(place: number, to: Float32Array, start: number): void;
  close(): void;
}

/** @param memory most bytes of vectors in memory @throws Error naming the file */
export function openEmbeddingTable(folder: string, memory: number): OpenTable {
  const { count, dimension } = readEmbeddingTable(folder);
  const file = join(folder, KEYS);
  const pairs = words(sharedNumbers(file, BigInt64Array, count) ?? readFile(file, new BigInt64Array(count)));
  checkRising(pairs, file);
  const rows =
    count * dimension * 4 <= memory ? heldRows(folder, count, dimension) : readRows(folder, dimension, memory);
  return { count, dimension, find: finder(pairs), ...rows };
}

/** The numbers of a file in memory that processes share. @returns undefined if it is not shared, or of another length */
function sharedNumbers<T>(
  path: string,
  array: { new (memory: ArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
  count: number,
): T | undefined {
  const bytes = sharedCopySync(path)?.bytes;
  return bytes?.length === count * array.BYTES_PER_ELEMENT ? new array(bytes.buffer as ArrayBuffer) : undefined;
}

/** `readFileSync` ends at 2 GiB. */
function readFile<T extends BigInt64Array | Float32Array>(path: string, to: T): T {
  const file = openSync(path, "r");
  try {
    readExactly(file, new Uint8Array(to.buffer), 0, path);
    return to;
  } finally {
    closeSync(file);
  }
}

/** The search would miss keys that are out of order, without a word. */
function checkRising(pairs: Int32Array, file: string): void {
  for (let i = 2; i < pairs.length; i += 2) {
    const [before, high] = [pairs[i - 1]!, pairs[i + 1]!];
    if (before > high || (before === high && pairs[i - 2]! >>> 0 >= pairs[i]! >>> 0))
      throw new Error(`${file}: key ${i / 2} is not above the one before it. Make the table again.`);
  }
}

/** Binary search over pairs of words, so that no key becomes a bigint. */
function finder(pairs: Int32Array): OpenTable["find"] {
  return (low, high) => {
    let from = 0;
    let to = pairs.length / 2 - 1;
    while (from <= to) {
      const middle = (from + to) >>> 1;
      const h = pairs[2 * middle + 1]!;
      const l = pairs[2 * middle]!;
      if (h === high && l === low) return middle;
      if (h < high || (h === high && l >>> 0 < low >>> 0)) from = middle + 1;
      else to = middle - 1;
    }
    return -1;
  };
}

type Rows = Pick<OpenTable, "copy" | "close" | "memory">;

function heldRows(folder: string, count: number, dimension: number): Rows {
  const file = join(folder, VECTORS);
  const size = count * dimension;
  const vectors = sharedNumbers(file, Float32Array, size) ?? readFile(file, new Float32Array(size));
  return {
    memory: vectors.byteLength,
    copy: (place, to, start) => to.set(vectors.subarray(place * dimension, (place + 1) * dimension), start),
    close: () => {},
  };
}

function readRows(folder: string, dimension: number, memory: number): Rows {
  const path = join(folder, VECTORS);
  const file = openSync(path, "r");
  const hot = hotRows(dimension, memory, (place, row) => {
    readExactly(file, new Uint8Array(row.buffer, row.byteOffset, row.byteLength), place * dimension * 4, path);
  });
  return { memory: hot.memory, copy: hot.copy, close: () => closeSync(file) };
}
