/**
 * HPACK (RFC 7541): the bytes of a header block → its fields. Strict: whatever the specification calls an error ends the connection, since the
 * tables of both sides could differ from there on.
 */

import { ConnectionFault } from "./errors.js";
import { decodeHuffman } from "./huffman.js";
import { type Field, STATIC_TABLE } from "./static-table.js";

/**
 * HPACK's dynamic table: the fields that a peer added, newest first, within a bound on their bytes.
 * The size of an entry beside its letters (RFC 7541, 4.1).
 */
const ENTRY_OVERHEAD = 32;
const fieldSize = ([name, value]: Field): number => name.length + value.length + ENTRY_OVERHEAD;

class DynamicTable {
  /** Oldest first, from `start`. */
  #entries: Field[] = [];
  #start = 0;
  #size = 0;
  #limit: number;
  /** Changes whenever an index may mean something else than before. */
  generation = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#entries.length - this.#start;
  }

  /** @param index 0 for the newest */
  at(index: number): Field | undefined {
    return index < this.length ? this.#entries[this.#entries.length - 1 - index] : undefined;
  }

  /** An entry larger than the table empties it, and that is not an error. */
  add(field: Field): void {
    this.generation++;
    this.#size += fieldSize(field);
    this.#entries.push(field);
    this.#evict();
  }

  resize(limit: number): void {
    this.generation++;
    this.#limit = limit;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) this.#size -= fieldSize(this.#entries[this.#start++]!);
    // Compacted seldom: each entry moves at most once per insertion.
    if (this.#start > 64 && this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
  }
}

/** The announced or default size of the table: that of SETTINGS_HEADER_TABLE_SIZE. */
export const TABLE_SIZE = 4096;

export interface FieldLimits {
  /** Bytes of all names and values, and 32 for each field, as SETTINGS_MAX_HEADER_LIST_SIZE counts them. */
  readonly bytes: number;
  readonly fields: number;
}

/** A block that exceeds a limit by this factor ends its connection: decoding the rest only to keep the table in step costs too much. */
const FAR_OVER = 4;

const broken = (what: string): ConnectionFault => new ConnectionFault("COMPRESSION_ERROR", what);

export class HpackDecoder {
  readonly #table = new DynamicTable(TABLE_SIZE);
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The cost of the last block: bytes that were read, and bytes of fields. */
  work = 0;

  /** Two blocks of the same bytes say the same while this stays the same. */
  get generation(): number {
    return this.#table.generation;
  }

  /**
   * @returns the fields in their order; undefined where they go over the limits, which leaves the table as it must be
   * @throws ConnectionFault
   */
  decode(block: Buffer, limits: FieldLimits): Field[] | undefined {
    this.#bytes = block;
    this.#at = 0;
    this.#readResizes();
    const fields: Field[] = [];
    let size = 0;
    let count = 0;
    while (this.#at < block.length) {
      const field = this.#readField();
      size += fieldSize(field);
      count++;
      if (size <= limits.bytes && count <= limits.fields) fields.push(field);
      else if (size > FAR_OVER * limits.bytes || count > FAR_OVER * limits.fields)
        throw new ConnectionFault("ENHANCE_YOUR_CALM", "the header fields go far over a limit");
    }
    this.work = block.length + size;
    return size <= limits.bytes && count <= limits.fields ? fields : undefined;
  }

  /** Table size updates precede all fields. */
  #readResizes(): void {
    while ((this.#bytes[this.#at] ?? 0) >> 5 === 1) {
      const size = this.#integer(5);
      if (size > TABLE_SIZE) throw broken(`the peer requested a table of ${size} bytes, and ${TABLE_SIZE} are allowed`);
      this.#table.resize(size);
    }
  }

  #readField(): Field {
    const first = this.#bytes[this.#at]!;
    if (first & 0x80) return this.#entry(this.#integer(7));
    if (first >> 5 === 1) throw broken("the table's size changes in the middle of a block");
    const remember = (first & 0x40) !== 0;
    const index = this.#integer(remember ? 6 : 4);
    const name = index === 0 ? this.#text() : this.#entry(index)[0];
    const field: Field = [name, this.#text()];
    if (remember) this.#table.add(field);
    return field;
  }

  #entry(index: number): Field {
    const found =
      index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.#table.at(index - STATIC_TABLE.length - 1);
    if (!found) throw broken(`index ${index} names no field`);
    return found;
  }

  /** @param bits of the first byte that belong to it */
  #integer(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    // Three more groups reach two million, which nothing of ours needs.
    for (let shift = 0; shift < 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken("an integer is too large");
  }

  #byte(): number {
    if (this.#at >= this.#bytes.length) throw broken("a header block ends in the middle of a field");
    return this.#bytes[this.#at++]!;
  }

  #text(): string {
    const packed = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#bytes.length) throw broken("a header block ends in the middle of a text");
    this.#at = end;
    return packed ? decodeHuffman(this.#bytes, start, end) : this.#bytes.toString("latin1", start, end);
  }
}
