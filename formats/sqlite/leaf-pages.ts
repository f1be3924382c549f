/**
 * Bytes of a SQLite database → the leaf pages of a table, each with a digest and its rows. Changes between two states of a file are thus
 * found without reading values. Only tables with rowids. https://www.sqlite.org/fileformat.html
 */
import { hash } from "node:crypto";

/** The leaves of a table's b-tree, in the order of its rows. */
export interface LeafPages {
  readonly numbers: Uint32Array;
  /** `DIGEST` bytes a page: of the page and of the overflow pages of its rows. */
  readonly digests: Uint8Array;
  /** Rowids of the first and the last row of each page; those between them are on it. */
  readonly firstRows: Float64Array;
  readonly lastRows: Float64Array;
}

const DIGEST = 16;
const FILE_HEADER = 100;
const [INTERIOR_TABLE, LEAF_TABLE] = [5, 13];
/** Levels of a tree; each has at least two children. */
const DEEPEST = 32;

/**
 * @param root number of the table's root page
 * @returns undefined for a table without rowids, for rowids that are negative or beyond 2^53, and for pages that do not hold together
 */
export function leafPages(bytes: Uint8Array, root: number): LeafPages | undefined {
  const file = pagesOf(bytes);
  if (!file) return undefined;
  const found: Leaf[] = [];
  if (!readTree(file, root, 0, found)) return undefined;
  const digests = new Uint8Array(DIGEST * found.length);
  found.forEach(({ digest }, i) => {
    digests.set(digest.subarray(0, DIGEST), DIGEST * i);
  });
  return {
    numbers: Uint32Array.from(found, leaf => leaf.number),
    digests,
    firstRows: Float64Array.from(found, leaf => leaf.firstRow),
    lastRows: Float64Array.from(found, leaf => leaf.lastRow),
  };
}

/** Places among `now` of the pages that `before` did not have, or had with other bytes. */
export function changedPages(before: LeafPages, now: LeafPages): readonly number[] {
  const places = new Map(Array.from(before.numbers, (number, i) => [number, i]));
  const digestAt = ({ digests }: LeafPages, i: number) =>
    Buffer.from(digests.buffer, digests.byteOffset + DIGEST * i, DIGEST);
  const changed: number[] = [];
  for (const [i, number] of now.numbers.entries()) {
    const place = places.get(number);
    if (place === undefined || !digestAt(before, place).equals(digestAt(now, i))) changed.push(i);
  }
  return changed;
}

interface PagedFile {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes of a page, and those of them that SQLite uses. */
  readonly size: number;
  readonly usable: number;
  /** 1 for a page that was read, by its number. No page is in two places. */
  readonly seen: Uint8Array;
}

interface Leaf {
  readonly number: number;
  readonly firstRow: number;
  readonly lastRow: number;
  readonly digest: Uint8Array;
}

function pagesOf(bytes: Uint8Array): PagedFile | undefined {
  if (bytes.length < FILE_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const declared = view.getUint16(16);
  const size = declared === 1 ? 65536 : declared;
  const usable = size - bytes[20]!;
  if (size < 512 || usable < 480) return undefined;
  return { bytes, view, size, usable, seen: new Uint8Array(Math.floor(bytes.length / size) + 1) };
}

/** Offset of a page that was not read before. */
function take({ seen, size }: PagedFile, number: number): number | undefined {
  if (number < 1 || number >= seen.length || seen[number] === 1) return undefined;
  seen[number] = 1;
  return (number - 1) * size;
}

/** @returns whether all pages below hold together */
function readTree(file: PagedFile, number: number, depth: number, leaves: Leaf[]): boolean {
  const start = depth > DEEPEST ? undefined : take(file, number);
  if (start === undefined) return false;
  const { bytes, view, size } = file;
  const at = number === 1 ? start + FILE_HEADER : start;
  const end = start + size;
  const kind = bytes[at];
  if (kind !== INTERIOR_TABLE && kind !== LEAF_TABLE) return false;
  const pointers = at + (kind === INTERIOR_TABLE ? 12 : 8);
  const count = view.getUint16(at + 3);
  if (pointers + 2 * count > end) return false;
  const cells = Array.from({ length: count }, (_, i) => start + view.getUint16(pointers + 2 * i));
  if (kind === LEAF_TABLE) {
    const leaf = readLeaf(file, number, start, cells);
    if (leaf && count > 0) leaves.push(leaf);
    return leaf !== undefined;
  }
  return (
    cells.every(cell => cell + 4 <= end && readTree(file, view.getUint32(cell), depth + 1, leaves)) &&
    readTree(file, view.getUint32(at + 8), depth + 1, leaves)
  );
}

function readLeaf(file: PagedFile, number: number, start: number, cells: readonly number[]): Leaf | undefined {
  const { bytes, view, size, usable } = file;
  const end = start + size;
  const parts = [bytes.subarray(start, end)];
  let firstRow = 0;
  let lastRow = 0;
  for (const [i, cell] of cells.entries()) {
    const payload = readVarint(bytes, cell, end);
    const row = payload && readVarint(bytes, payload.end, end);
    if (!payload || !row || !Number.isSafeInteger(row.value)) return undefined;
    if (i === 0) firstRow = row.value;
    lastRow = row.value;
    const inside = bytesInside(payload.value, usable);
    if (inside === payload.value) continue;
    // The number of the first overflow page follows what is on this one.
    if (row.end + inside + 4 > end) return undefined;
    let next = view.getUint32(row.end + inside);
    for (let left = payload.value - inside; left > 0; left -= usable - 4) {
      const overflow = take(file, next);
      if (overflow === undefined) return undefined;
      parts.push(bytes.subarray(overflow, overflow + size));
      next = view.getUint32(overflow);
    }
  }
  return {
    number,
    firstRow,
    lastRow,
    digest: hash("sha256", parts.length > 1 ? Buffer.concat(parts) : parts[0]!, "buffer"),
  };
}

/** Bytes of a row's payload that its leaf page holds. */
function bytesInside(payload: number, usable: number): number {
  const most = usable - 35;
  if (payload <= most) return payload;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitting = least + ((payload - least) % (usable - 4));
  return fitting <= most ? fitting : least;
}

/** Undefined for one of nine bytes, which is negative or beyond 2^56, and for one that ends beyond `limit`. */
function readVarint(bytes: Uint8Array, at: number, limit: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let end = at; end < Math.min(at + 8, limit); end++) {
    value = value * 128 + (bytes[end]! & 127);
    if (bytes[end]! < 128) return { value, end: end + 1 };
  }
  return undefined;
}
