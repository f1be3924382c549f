/**
 * Entries of a zip file, counted before they are decompressed. Sizes are those of the central directory, and an entry of another size is
 * refused. Stored and deflated entries, with ZIP64; the format is APPNOTE.TXT of PKWARE.
 */
import { inflateRawSync } from "node:zlib";

export interface ZipEntry {
  readonly name: string;
  /** 0: stored, 8: deflated. */
  readonly method: number;
  /** Bytes in the file and unpacked, as the directory declares them. */
  readonly packed: number;
  readonly size: number;
  /** Offset of the entry's own header. */
  readonly offset: number;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const MOST_32 = 0xffffffff;
/** The end of the directory is at most a comment of 65,535 bytes before the end of the file. */
const END_SIZE = 22;
const LONGEST_COMMENT = 65_535;

/** @throws Error that says what is wrong */
export function zipEntries(bytes: Uint8Array): readonly ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { count, start, end } = directory(view);
  const entries: ZipEntry[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== ENTRY)
      throw new Error(`its directory says ${count} entries, and entry ${i} is missing`);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > end) throw new Error(`entry ${i} of its directory is cut short`);
    const name = Buffer.from(bytes.buffer, bytes.byteOffset + at + 46, nameLength).toString("utf8");
    entries.push({
      name,
      method: view.getUint16(at + 10, true),
      ...sizes(view, at, at + 46 + nameLength, extraLength),
    });
    at = next;
  }
  return entries;
}

function directory(view: DataView): { readonly count: number; readonly start: number; readonly end: number } {
  const size = view.byteLength;
  let at = size - END_SIZE;
  while (at >= 0 && at >= size - END_SIZE - LONGEST_COMMENT && view.getUint32(at, true) !== END) at--;
  if (at < 0 || view.getUint32(at, true) !== END) throw new Error("it has no zip directory");
  let [count, start] = [view.getUint16(at + 10, true), view.getUint32(at + 16, true)];
  if (at >= 20 && view.getUint32(at - 20, true) === LOCATOR_64) {
    const end64 = Number(view.getBigUint64(at - 12, true));
    if (end64 + 56 > size || view.getUint32(end64, true) !== END_64) throw new Error("its ZIP64 directory is missing");
    count = Number(view.getBigUint64(end64 + 32, true));
    start = Number(view.getBigUint64(end64 + 48, true));
  }
  // An entry takes 46 bytes at least.
  if (start > at || count * 46 > at - start) throw new Error(`its directory cannot hold ${count} entries`);
  return { count, start, end: at };
}

/** Numbers of 64 bits are in an extra field, in this order, each where its 32 bits are all ones. */
function sizes(
  view: DataView,
  at: number,
  extraAt: number,
  extraLength: number,
): Pick<ZipEntry, "packed" | "size" | "offset"> {
  const found = {
    size: view.getUint32(at + 24, true),
    packed: view.getUint32(at + 20, true),
    offset: view.getUint32(at + 42, true),
  };
  const end = extraAt + extraLength;
  for (let field = extraAt; field + 4 <= end; ) {
    const length = view.getUint16(field + 2, true);
    if (view.getUint16(field, true) === 1) {
      let value = field + 4;
      for (const key of ["size", "packed", "offset"] as const)
        if (found[key] === MOST_32 && value + 8 <= Math.min(end, field + 4 + length)) {
          found[key] = Number(view.getBigUint64(value, true));
          value += 8;
        }
    }
    field += 4 + length;
  }
  return found;
}

/** The bytes of an entry, whose size the caller has compared with a limit. @throws Error that says what is wrong */
export function unpackEntry(bytes: Uint8Array, { name, method, packed, size, offset }: ZipEntry): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== LOCAL)
    throw new Error(`entry \`${name}\` has no header`);
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packed > bytes.length) throw new Error(`entry \`${name}\` is cut short`);
  const data = bytes.subarray(start, start + packed);
  if (method !== 0 && method !== 8)
    throw new Error(`entry \`${name}\` is compressed by method ${method}; stored (0) and deflated (8) can be read`);
  const unpacked = method === 0 ? data : inflate(data, size, name);
  if (unpacked.length !== size)
    throw new Error(`entry \`${name}\` unpacks to ${unpacked.length} bytes, and its directory says ${size}`);
  return unpacked;
}

function inflate(data: Uint8Array, size: number, name: string): Uint8Array {
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw new Error(
      `entry \`${name}\` cannot be unpacked to the ${size} bytes of its directory: ${(error as Error).message}`,
    );
  }
}
