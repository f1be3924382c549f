/**
 * An embedding table, open: keys in memory, vectors in memory where they fit, else read row by row through the page cache, with the rows that were
 * asked for last kept.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { KEYS, readEmbeddingTable, VECTORS } from "../../triton-protos/artefacts/embedding-table.js";
import { words } from "../plan/table.js";

export interface OpenTable {
  readonly count: number;
  readonly dimension: number;
  /** Place of the key with these 32-bit words, or −1. O(log count). */
  find(low: number, high: number): number;
  /** Copies the vector at a place into `to[start] …`. */
  copy(place: number, to: Float32Array, start: number): void;
  close(): void;
}

/** Rows of the hot cache when vectors stay on disk. */
const HOT_ROWS = 65_536;

/** @param memory most bytes of vectors in memory @throws Error naming the file */
export function openEmbeddingTable(folder: string, memory: number): OpenTable {
  const { count, dimension } = readEmbeddingTable(folder);
  const keyBytes = readFileSync(join(folder, KEYS));
  const keys = new BigInt64Array(keyBytes.buffer.slice(keyBytes.byteOffset, keyBytes.byteOffset + keyBytes.byteLength));
  const rows = count * dimension * 4 <= memory ? heldRows(folder, dimension) : cachedRows(folder, dimension);
  return { count, dimension, find: finder(keys), ...rows };
}

/** Binary search over pairs of words, so that no key becomes a bigint. */
function finder(keys: BigInt64Array): OpenTable["find"] {
  const pairs = words(keys);
  return (low, high) => {
    let from = 0;
    let to = keys.length - 1;
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

type Rows = Pick<OpenTable, "copy" | "close">;

function heldRows(folder: string, dimension: number): Rows {
  const bytes = readFileSync(join(folder, VECTORS));
  const vectors = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return {
    copy: (place, to, start) => to.set(vectors.subarray(place * dimension, (place + 1) * dimension), start),
    close: () => {},
  };
}

function cachedRows(folder: string, dimension: number): Rows {
  const file = openSync(join(folder, VECTORS), "r");
  // A Map remembers the order of insertion: what was used is put at its end, what stands first goes.
  const hot = new Map<number, Float32Array>();
  const read = (place: number): Float32Array => {
    const row = new Float32Array(dimension);
    readSync(file, new Uint8Array(row.buffer), 0, dimension * 4, place * dimension * 4);
    return row;
  };
  return {
    copy: (place, to, start) => {
      const known = hot.get(place);
      const row = known ?? read(place);
      if (known) hot.delete(place);
      else if (hot.size >= HOT_ROWS) hot.delete(hot.keys().next().value!);
      hot.set(place, row);
      to.set(row, start);
    },
    close: () => closeSync(file),
  };
}
