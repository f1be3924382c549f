/**
 * The libraries that an ELF library names as needed (`DT_NEEDED`), of 64-bit little-endian files: Linux on x64 and arm64.
 */
import { closeSync, openSync, readSync } from "node:fs";

const HEADER = 64;
const PROGRAM_HEADER = 56;
const [LOAD, DYNAMIC] = [1, 2];
const [END, NEEDED, NAMES] = [0, 1, 5];
/** More than any provider has, and little enough to read for a damaged one. */
const MOST_BYTES = 2 ** 22;
const MOST_NEEDS = 512;
const LONGEST_NAME = 256;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** @returns undefined if the file can't be read, or is not such a library */
export function elfNeeds(path: string): readonly string[] | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return needsOf(file);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function read(file: number, offset: number, size: number): DataView {
  if (size > MOST_BYTES) throw new RangeError("too large");
  const bytes = new Uint8Array(size);
  return new DataView(bytes.buffer, 0, readSync(file, bytes, 0, size, offset));
}

/** @throws RangeError beyond what the file has */
const long = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

function needsOf(file: number): readonly string[] | undefined {
  const header = read(file, 0, HEADER);
  // Magic number, 64 bits, little-endian.
  if (header.getUint32(0) !== 0x7f454c46 || header.getUint16(4) !== 0x0201) return undefined;
  const count = header.getUint16(56, true);
  const table = read(file, long(header, 32), count * PROGRAM_HEADER);
  const segments = Array.from({ length: count }, (_, i): Segment => {
    const at = i * PROGRAM_HEADER;
    const [offset, address, size] = [8, 16, 32].map(field => long(table, at + field)) as [number, number, number];
    return { type: table.getUint32(at, true), offset, address, size };
  });
  const dynamic = segments.find(({ type }) => type === DYNAMIC);
  if (!dynamic) return [];
  const entries = read(file, dynamic.offset, dynamic.size);
  const found: Record<number, number[]> = { [NEEDED]: [], [NAMES]: [] };
  for (let at = 0; at + 16 <= entries.byteLength && long(entries, at) !== END; at += 16) {
    found[long(entries, at)]?.push(long(entries, at + 8));
  }
  const [address = 0] = found[NAMES]!;
  const segment = segments.find(one => one.type === LOAD && address >= one.address && address < one.address + one.size);
  if (!segment) return [];
  const start = segment.offset + address - segment.address;
  return found[NEEDED]!.slice(0, MOST_NEEDS).map(at => textOf(read(file, start + at, LONGEST_NAME)));
}

function textOf({ buffer, byteLength }: DataView): string {
  const bytes = Buffer.from(buffer, 0, byteLength);
  const end = bytes.indexOf(0);
  if (end === -1) throw new RangeError("no name");
  return bytes.toString("latin1", 0, end);
}
