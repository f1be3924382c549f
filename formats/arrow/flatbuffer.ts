/**
 * FlatBuffers, read field by field. Every offset and every vector is compared with the buffer before use, so that a damaged buffer is an
 * error of bounded cost. Tables are not read recursively.
 */

/** Entries of a vector may share one table, and each takes about 2 KB of memory: four bytes of a file. */
const MOST_TABLES = 100_000;

/** A buffer that is damaged; the message completes "the file …". */
export class FlatbufferError extends Error {
  override readonly name = "FlatbufferError";
}

export interface FlatTable {
  readonly has: (field: number) => boolean;
  /** Numbers; 0 or the given value where the field is absent. */
  readonly uint8: (field: number) => number;
  readonly int16: (field: number) => number;
  readonly int32: (field: number) => number;
  readonly int64: (field: number) => number;
  readonly bool: (field: number) => boolean;
  /** undefined where the field is absent. */
  readonly text: (field: number) => string | undefined;
  readonly table: (field: number) => FlatTable | undefined;
  readonly tables: (field: number) => readonly FlatTable[];
  /** Offsets of a vector's structs of `size` bytes, in the buffer. */
  readonly structs: (field: number, size: number) => { readonly at: number; readonly count: number };
}

/** @param view the whole buffer; the root's offset is its first four bytes @throws FlatbufferError */
export function flatRoot(view: DataView): FlatTable {
  return flatTable(view, follow(view, 0));
}

/** An int64 of a struct, which is no larger than a JavaScript number holds. */
export function int64At(view: DataView, at: number): number {
  inside(view, at, 8);
  const value = Number(view.getBigInt64(at, true));
  if (!Number.isSafeInteger(value))
    throw new FlatbufferError(`holds the number ${value} at byte ${at} of its metadata`);
  return value;
}

function flatTable(view: DataView, at: number): FlatTable {
  inside(view, at, 4);
  const vtable = at - view.getInt32(at, true);
  inside(view, vtable, 4);
  const [fields, size] = [view.getUint16(vtable, true), view.getUint16(vtable + 2, true)];
  inside(view, vtable, fields);
  inside(view, at, size);
  // Other readers take these for signed numbers, and an odd length for one field more.
  if (fields < 4 || fields % 2 !== 0 || size > 0x7fff)
    throw new FlatbufferError(`has a table of ${fields} and ${size} bytes at byte ${at} of its metadata`);
  /** Offset of a field of this size; 0 if it is absent. */
  const place = (field: number, bytes: number): number => {
    const slot = 4 + 2 * field;
    const offset = slot + 2 <= fields ? view.getUint16(vtable + slot, true) : 0;
    if (offset === 0) return 0;
    if (offset + bytes > size) throw new FlatbufferError(`has a field beyond its table at byte ${at} of its metadata`);
    return at + offset;
  };
  const number =
    (bytes: number, read: (at: number) => number) =>
    (field: number): number => {
      const found = place(field, bytes);
      return found === 0 ? 0 : read(found);
    };
  const vector = (field: number, bytes: number): { readonly at: number; readonly count: number } => {
    const found = place(field, 4);
    if (found === 0) return { at: 0, count: 0 };
    const start = follow(view, found);
    inside(view, start, 4);
    const count = view.getUint32(start, true);
    inside(view, start + 4, count * bytes);
    return { at: start + 4, count };
  };
  const uint8 = number(1, from => view.getUint8(from));
  return {
    has: field => place(field, 1) !== 0,
    uint8,
    int16: number(2, from => view.getInt16(from, true)),
    int32: number(4, from => view.getInt32(from, true)),
    int64: number(8, from => int64At(view, from)),
    bool: field => uint8(field) !== 0,
    text: field => {
      const { at: start, count } = vector(field, 1);
      return start === 0
        ? undefined
        : Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("utf8", start, start + count);
    },
    table: field => {
      const found = place(field, 4);
      return found === 0 ? undefined : flatTable(view, follow(view, found));
    },
    tables: field => {
      const { at: start, count } = vector(field, 4);
      if (count > MOST_TABLES) throw new FlatbufferError(`lists ${count} tables, more than ${MOST_TABLES}`);
      return Array.from({ length: count }, (_, i) => flatTable(view, follow(view, start + 4 * i)));
    },
    structs: vector,
  };
}

/** An offset is relative to its own place. */
function follow(view: DataView, at: number): number {
  inside(view, at, 4);
  return at + view.getUint32(at, true);
}

function inside(view: DataView, at: number, length: number): void {
  if (at < 0 || at + length > view.byteLength)
    throw new FlatbufferError(`refers to bytes ${at} to ${at + length} of its metadata, which has ${view.byteLength}`);
}
