/** A log → its whole blocks. A damaged block is skipped by its length or, if the length is damaged, up to the next whole one. */
import { fstatSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { type Block, type BlockFile, type BlockHead, FRAME, head, index, MAGIC, MOST_BLOCK } from "./block-file.js";

/** Bytes in which payloads begin: those of descriptions, and those of blocks after the length of their index. */
const STARTS = [
  { bytes: Buffer.from('{"format":1,'), before: FRAME },
  { bytes: Buffer.from('{"rows":'), before: FRAME + 4 },
];
const PIECE = 1 << 20;

/** @param file opened for reading */
export function readBlocks(file: number): BlockFile {
  const log = new DamagedLog(file);
  const blocks: Block[] = [];
  const magic = readAt(file, 0, Math.min(MAGIC.length, log.size));
  const isMagic = magic.equals(MAGIC.subarray(0, magic.length));
  let found: BlockHead | undefined;
  let damaged = isMagic ? 0 : magic.length;
  let torn = isMagic && magic.length < MAGIC.length ? magic.length : 0;
  let at = MAGIC.length;
  while (at < log.size) {
    const payload = log.payloadAt(at);
    const described = payload && head.safeParse(jsonOf(payload));
    const block = payload && found && blockOf(payload, at + FRAME, found.columns.length);
    if (block) blocks.push(block);
    else if (described?.success) found ??= described.data;
    const end = payload ? at + FRAME + payload.length : log.nextAfter(at);
    if (!payload && end === log.size && log.isTorn(at)) torn = end - at;
    else if (!block && !described?.success) damaged += end - at;
    at = end;
  }
  return { head: found, blocks, damaged, torn };
}

class DamagedLog {
  readonly size: number;
  /** Bytes that a search for blocks may still check: payloads can be made to look like many blocks. */
  #budget: number;

  constructor(private readonly file: number) {
    this.size = fstatSync(file).size;
    this.#budget = 4 * this.size;
  }

  /** The payload of a block, if it is whole. */
  payloadAt(at: number): Buffer | undefined {
    const length = this.#lengthAt(at);
    if (length === undefined || at + FRAME + length > this.size) return undefined;
    const payload = readAt(this.file, at + FRAME, length);
    return crc32(payload) === readAt(this.file, at + 4, 4).readUInt32LE(0) ? payload : undefined;
  }

  /** The place of the next block after one that is not whole, or the end of the log. */
  nextAfter(at: number): number {
    const byLength = at + FRAME + (this.#lengthAt(at) ?? this.size);
    return byLength === this.size || this.payloadAt(byLength) ? byLength : this.#search(at + 1);
  }

  /** Whether the last bytes begin a block that was not written to its end. */
  isTorn(at: number): boolean {
    if (this.size - at < FRAME) return true;
    const length = this.#lengthAt(at);
    if (length === undefined || at + FRAME + length <= this.size) return false;
    const payload = readAt(this.file, at + FRAME, this.size - at - FRAME);
    const found = indexOf(payload);
    return found === undefined || found.bytes === length;
  }

  #lengthAt(at: number): number | undefined {
    if (at + FRAME > this.size) return undefined;
    const length = readAt(this.file, at, 4).readUInt32LE(0);
    return length > 0 && length <= MOST_BLOCK ? length : undefined;
  }

  #search(from: number): number {
    for (let piece = from; piece < this.size; piece += PIECE) {
      // The start of a payload may lie across the end of a piece.
      const bytes = readAt(this.file, piece, Math.min(PIECE + FRAME + 16, this.size - piece));
      const places = STARTS.flatMap(start => placesOf(bytes, start.bytes).map(place => piece + place - start.before));
      for (const place of places.sort((a, b) => a - b)) {
        if (place < from) continue;
        this.#budget -= this.#lengthAt(place) ?? 0;
        if (this.#budget < 0) return this.size;
        if (this.payloadAt(place)) return place;
      }
    }
    return this.size;
  }
}

function placesOf(bytes: Buffer, part: Buffer): readonly number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(part); at >= 0; at = bytes.indexOf(part, at + 1)) places.push(at);
  return places;
}

/** The index of a block's payload, of which the end may be missing. @returns undefined if the index itself is not whole */
function indexOf(payload: Buffer) {
  if (payload.length < 4) return undefined;
  const length = payload.readUInt32LE(0);
  const read = index.safeParse(jsonOf(payload.subarray(4, 4 + length)));
  if (!read.success) return undefined;
  const start = 4 + length;
  return { ...read.data, start, bytes: read.data.pages.reduce((sum, [bytes]) => sum + bytes, start) };
}

function blockOf(payload: Buffer, start: number, columns: number): Block | undefined {
  const found = indexOf(payload);
  if (!found || found.pages.length !== columns || found.bytes !== payload.length) return undefined;
  let offset = start + found.start;
  const pages = found.pages.map(([bytes, uncompressed, entries]) => {
    offset += bytes;
    return { offset: offset - bytes, bytes, uncompressed, entries };
  });
  return { rows: found.rows, pages };
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

function readAt(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, at + done);
    if (read === 0) return bytes.subarray(0, done);
    done += read;
  }
  return bytes;
}
