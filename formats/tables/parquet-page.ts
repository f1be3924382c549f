/**
 * Values of one column → a data page of a Parquet file: PLAIN values, levels as runs, compressed by Zstandard. A page is complete in itself, so
 * that pages of several batches can follow each other in one column chunk. https://parquet.apache.org/docs/file-format/data-pages
 */
import { zstdCompressSync } from "node:zlib";
import { type DType, datatype, type Values } from "../../triton-protos/datatype.js";
import { fromHalves } from "../../triton-protos/float16.js";
import { type Field, printStruct, type Struct, TYPE } from "./thrift-compact.js";

/** A column that can be written; lists and their values are nullable. */
export interface ParquetColumn {
  readonly name: string;
  readonly dtype: Exclude<DType, "bfloat16">;
  readonly list?: boolean | undefined;
  readonly nullable?: boolean | undefined;
  /** int64 values are microseconds since 1970 without a time zone. */
  readonly timestamp?: boolean | undefined;
}

/** UTF-8 texts one after the other. */
export interface Texts {
  readonly bytes: Uint8Array;
  /** Bytes of each text. */
  readonly lengths: Int32Array;
}

export interface PageValues {
  /** One per value, with something in the place of each null. */
  readonly values: Exclude<Values, readonly string[]> | Texts;
  /** One byte per value, 0 for null; absent: nothing is null. */
  readonly present?: Uint8Array | undefined;
  /** List columns: the number of values of each row; -1 for a null. */
  readonly lengths?: Int32Array | undefined;
  /** How often each value is repeated, one after the other; absent: once. Values of lists have no `present` then. */
  readonly counts?: Int32Array | undefined;
}

export interface Page {
  /** Header and compressed data. */
  readonly bytes: Uint8Array;
  /** Size of the header and of the data before they are compressed. */
  readonly uncompressed: number;
  /** Number of levels: values, nulls, and lists without values. */
  readonly entries: number;
}

/** Numbers of parquet.thrift. */
export const CODEC_ZSTD = 6;
export const ENCODING = { plain: 0, rle: 3 } as const;
const PAGE = { type: 1, uncompressed: 2, compressed: 3, data: 5 };
const DATA = { values: 1, encoding: 2, definition: 3, repetition: 4 };

/** Levels of a column: the highest definition level and repetition level. */
export const levelsOf = ({
  list,
  nullable,
}: ParquetColumn): { readonly definition: number; readonly repetition: number } =>
  list ? { definition: 3, repetition: 1 } : { definition: nullable ? 1 : 0, repetition: 0 };

export const i32 = (value: number): Field => ({ type: TYPE.i32, value });
export const i64 = (value: number): Field => ({ type: TYPE.i64, value });
export const struct = (fields: readonly (readonly [number, Field])[]): Field => ({
  type: TYPE.struct,
  value: new Map(fields) as Struct,
});

/** @throws Error for values without places, which the writer's own code makes */
export function encodePage(column: ParquetColumn, { values, present, lengths, counts }: PageValues): Page {
  const parts: Uint8Array[] = [];
  const { definition } = levelsOf(column);
  let entries = counts ? sumOf(counts) : (present?.length ?? countOf(values));
  if (lengths) {
    const levels = listLevels(lengths, present);
    entries = levels.definition.length;
    parts.push(...runs(levels.repetition), ...runs(levels.definition));
  } else if (definition > 0) {
    if (present) parts.push(...runs(present, counts));
    else parts.push(...runs(Uint8Array.of(1), Int32Array.of(entries)));
  }
  parts.push(...plain(column.dtype, { values, present, counts }));
  const data = Buffer.concat(parts);
  const compressed = zstdCompressSync(data);
  const header = printStruct(
    new Map([
      [PAGE.type, i32(0)],
      [PAGE.uncompressed, i32(data.length)],
      [PAGE.compressed, i32(compressed.length)],
      [
        PAGE.data,
        struct([
          [DATA.values, i32(entries)],
          [DATA.encoding, i32(ENCODING.plain)],
          [DATA.definition, i32(ENCODING.rle)],
          [DATA.repetition, i32(ENCODING.rle)],
        ]),
      ],
    ]),
  );
  return { bytes: Buffer.concat([header, compressed]), uncompressed: header.length + data.length, entries };
}

const isTexts = (values: PageValues["values"]): values is Texts => "bytes" in values;
const countOf = (values: PageValues["values"]): number => (isTexts(values) ? values.lengths.length : values.length);

function sumOf(counts: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i]!;
  return sum;
}

/** Levels of lists whose values are nullable: 0 a null list, 1 an empty one, 2 a null value, 3 a value. */
function listLevels(lengths: Int32Array, present: Uint8Array | undefined) {
  let entries = 0;
  for (const length of lengths) entries += Math.max(1, length);
  const definition = new Uint8Array(entries);
  const repetition = new Uint8Array(entries);
  let [at, value] = [0, 0];
  for (const length of lengths) {
    if (length <= 0) definition[at++] = length + 1;
    else
      for (let i = 0; i < length; i++, value++, at++) {
        definition[at] = present?.[value] === 0 ? 2 : 3;
        repetition[at] = i === 0 ? 0 : 1;
      }
  }
  return { definition, repetition };
}

/**
 * Levels as runs of the RLE/bit-packing hybrid, with their length in front. Levels up to 3 take one byte of a run.
 * @param counts how often each level is repeated; absent: once
 */
function runs(levels: Uint8Array, counts?: Int32Array): [Uint8Array, Uint8Array] {
  const bytes: number[] = [];
  for (let from = 0; from < levels.length; ) {
    const level = levels[from]!;
    let count = 0;
    let to = from;
    for (; to < levels.length && levels[to] === level; to++) count += counts ? counts[to]! : 1;
    from = to;
    if (count === 0) continue;
    let head = count * 2;
    for (; head >= 128; head = Math.floor(head / 128)) bytes.push((head % 128) | 128);
    bytes.push(head, level);
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return [length, Uint8Array.from(bytes)];
}

/** The values that are not null, in Parquet's types. */
function plain(
  dtype: ParquetColumn["dtype"],
  { values, present, counts }: Pick<PageValues, "values" | "present" | "counts">,
): Uint8Array[] {
  const nulls = present?.includes(0) === true ? present : undefined;
  if (isTexts(values)) return [plainTexts(values, nulls, counts)];
  const kept = nulls || counts ? rowsOf(values, nulls, counts) : values;
  if (dtype === "bool") return [bits(kept as Uint8Array)];
  const wide = widened(dtype, kept as Float64Array);
  return [new Uint8Array(wide.buffer, wide.byteOffset, wide.byteLength)];
}

type Numbers = Exclude<Values, readonly string[]>;

/** Each value that is not null, as often as its count is. */
function rowsOf(values: Numbers, present: Uint8Array | undefined, counts: Int32Array | undefined): Numbers {
  let total = 0;
  for (let i = 0; i < values.length; i++) if (present?.[i] !== 0) total += counts ? counts[i]! : 1;
  const rows = new (values.constructor as new (length: number) => Float64Array)(total);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    if (present?.[i] === 0) continue;
    const end = at + (counts ? counts[i]! : 1);
    rows.fill((values as Float64Array)[i]!, at, end);
    at = end;
  }
  return rows;
}

/** Parquet has integers of 32 and 64 bits, and floats of as many. */
function widened(dtype: DType, values: Float64Array): Exclude<Values, readonly string[]> {
  if (dtype === "float16") return fromHalves(values as unknown as Uint16Array);
  return datatype(dtype).bytes < 4 ? Int32Array.from(values) : values;
}

function bits(values: Uint8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(values.length / 8));
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) packed[i >> 3]! |= 1 << (i & 7);
  return packed;
}

/** Values shorter than this are copied without native code. */
const SHORT = 64;

function plainTexts(
  { bytes, lengths }: Texts,
  present: Uint8Array | undefined,
  counts: Int32Array | undefined,
): Uint8Array {
  let total = 0;
  for (let i = 0; i < lengths.length; i++)
    if (present?.[i] !== 0) total += (4 + lengths[i]!) * (counts ? counts[i]! : 1);
  const packed = Buffer.allocUnsafe(total);
  let [from, to] = [0, 0];
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i]!;
    const count = present?.[i] === 0 ? 0 : counts ? counts[i]! : 1;
    if (count > 0) {
      const size = 4 + length;
      const end = to + size * count;
      packed.writeUInt32LE(length, to);
      if (length > SHORT) packed.set(bytes.subarray(from, from + length), to + 4);
      else for (let k = 0; k < length; k++) packed[to + 4 + k] = bytes[from + k]!;
      // The copies double.
      for (let done = to + size; done < end; done += Math.min(done - to, end - done))
        packed.copyWithin(done, to, Math.min(done, to + end - done));
      to = end;
    }
    from += length;
  }
  return packed;
}
