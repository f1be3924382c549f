/**
 * Chunks of DuckDB → texts packed in Arrow's layout. DuckDB has 16 bytes a text: its length, then its bytes where they are twelve at most,
 * else their first four and a pointer: https://duckdb.org/docs/stable/clients/c/vector#strings
 */
import type { DuckDBDataChunk } from "@duckdb/node-api";
import bindings from "@duckdb/node-bindings";
import type { PackedTexts } from "../../operators/shared/kernel/fitted-table.js";
import { invalid } from "../base/errors.js";
import { growing } from "./growing-values.js";

const TEXT = 16;
const LONGEST_INLINE = 12;
/** Arrow's offsets are int32. */
const MOST_BYTES = 2 ** 31 - 1;

export interface TextPacker {
  /** @param validity one byte a row, 0 = null; a null is an empty text */
  take(chunk: DuckDBDataChunk, c: number, validity: Uint8Array | undefined): void;
  finish(): PackedTexts;
}

/** @param rows texts, if they are known */
export function textPacker(rows = 0): TextPacker {
  const offsets = growing(count => new Int32Array(count));
  offsets.reserve(rows + 1);
  offsets.add(new Int32Array(1));
  const packed = growing(count => new Uint8Array(count), MOST_BYTES);
  /** Makes room for long texts of a number of bytes, and for as many short ones. Beyond the limit nothing is written. */
  const reserve = (long: number, short: number): Uint8Array => {
    refuseBeyondLimit(packed.length + long);
    return packed.reserve(Math.min(MOST_BYTES - packed.length, long + LONGEST_INLINE * short));
  };
  return {
    take(chunk, c, validity) {
      const rows = chunk.rowCount;
      const texts = bindings.vector_get_data(bindings.data_chunk_get_vector(chunk.chunk, c), rows * TEXT);
      const words = new Uint32Array(texts.buffer, texts.byteOffset, 4 * rows);
      const isNull = (i: number) => validity?.[i] === 0;
      const ends = offsets.reserve(rows);
      let bytes = reserve(0, rows);
      for (let i = 0; i < rows; ) {
        const next = packShort(texts, words, validity, { first: i, rows }, bytes, ends, offsets.length);
        offsets.length += next - i;
        i = next;
        const at = ends[offsets.length - 1]!;
        // Offsets beyond the limit are negative.
        refuseBeyondLimit(at < 0 ? Number.POSITIVE_INFINITY : at);
        packed.length = at;
        if (i === rows) break;
        // Texts that follow each other in DuckDB's memory are copied as one.
        const pointer = addressOf(words, i);
        let total = 0;
        const first = i;
        for (; i < rows && !isNull(i) && words[4 * i]! > LONGEST_INLINE; i++) {
          if (addressOf(words, i) !== pointer + total) break;
          total += words[4 * i]!;
          ends[offsets.length++] = at + total;
        }
        bytes = reserve(total, rows - i);
        const place = texts.byteOffset + TEXT * first + 8;
        bytes.set(bindings.get_data_from_pointer(texts.buffer as ArrayBuffer, place, total), at);
        packed.length = at + total;
      }
      // The chunk owns what the pointers name: it is there until here.
      if (chunk.rowCount !== rows) throw new Error("a chunk changed while it was read");
    },
    finish: () => ({ offsets: offsets.all(), bytes: packed.all() }),
  };
}

/**
 * Copies short texts and their ends, up to the first long text. A function of its own, since the rest of the loop takes the compiler longer
 * than all short texts.
 * @param filled ends so far; the last of them is where the texts go
 * @returns the row of the first long text, or the number of rows
 */
function packShort(
  texts: Uint8Array,
  words: Uint32Array,
  validity: Uint8Array | undefined,
  { first, rows }: { readonly first: number; readonly rows: number },
  bytes: Uint8Array,
  ends: Int32Array,
  filled: number,
): number {
  let at = ends[filled - 1]!;
  for (let i = first; i < rows; i++) {
    const length = validity?.[i] === 0 ? 0 : words[4 * i]!;
    if (length > LONGEST_INLINE) return i;
    const from = TEXT * i + 4;
    for (let b = 0; b < length; b++) bytes[at + b] = texts[from + b]!;
    at += length;
    ends[filled + i - first] = at;
  }
  return rows;
}

function refuseBeyondLimit(bytes: number): void {
  if (bytes <= MOST_BYTES) return;
  throw invalid("the texts of a column are longer than 2 GiB together. Use shorter ones.");
}

const addressOf = (words: Uint32Array, i: number): number => words[4 * i + 3]! * 2 ** 32 + words[4 * i + 2]!;
