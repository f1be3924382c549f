/**
 * Arrow's IPC file form for columns of numbers, bools and texts: bytes → record batches. Their buffers are inside the file, do not overlap,
 * and are as long as their rows need. Reading costs no more than the file is long, whatever its bytes are. Format:
 * https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
 */
import { type ByteSource, bytesSource } from "../bytes/byte-source.js";
import { FlatbufferError, type FlatTable, flatRoot, int64At } from "./flatbuffer.js";

export interface ArrowField {
  readonly name: string;
  /** As dtypes are named (`int64`, `float32`, `string`, `bool`), or Arrow's name of another type. */
  readonly type: string;
  /** Bits of a value; texts: of an offset. */
  readonly bits: number;
}

/** The rows of one column in one batch. */
export interface ArrowPiece {
  readonly rows: number;
  readonly nulls: number;
  /** A bit for each row, 1 where it has a value; empty where all have. */
  readonly validity: Uint8Array;
  /** Numbers and bools: the values. Texts: rows + 1 int32. */
  readonly values: Uint8Array;
  /** Texts: their bytes, UTF-8. */
  readonly texts: Uint8Array;
}

export interface ArrowFile {
  readonly fields: readonly ArrowField[];
  /** The pieces of each field, in order. */
  readonly columns: readonly (readonly ArrowPiece[])[];
}

/** Bytes that are not an Arrow file, or not a whole one. */
export class ArrowFileError extends Error {
  override readonly name = "ArrowFileError";
}

const MAGIC = "ARROW1";
const BLOCK = 24;
const PAIR = 16;
const TYPE_NAMES =
  "None Null Int Float Binary Utf8 Bool Decimal Date Time Timestamp Interval List Struct Union FixedSizeBinary FixedSizeList Map Duration LargeBinary LargeUtf8 LargeList".split(
    " ",
  );
const RECORD_BATCH = 3;
/** Columns may share their bytes, as pairs of metadata may, and each takes memory. */
const MOST_COLUMNS = 10_000;
const MOST_PAIRS = 1000;
const EMPTY = new Uint8Array(0);

/** @throws ArrowFileError that says what is wrong, without the file's name */
export function readArrowFile(bytes: Uint8Array): ArrowFile {
  try {
    return read(bytes);
  } catch (error) {
    if (error instanceof FlatbufferError) throw new ArrowFileError(`it is not a whole Arrow file: it ${error.message}`);
    throw error;
  }
}

/**
 * The pairs of a file's schema, by key; of a repeated key, the last.
 * @throws ArrowFileError that says what is wrong, without the file's name
 */
export function readArrowMetadata(source: ByteSource): ReadonlyMap<string, string> {
  try {
    const { view, root } = footerOf(source);
    const pairs = new Map<string, string>();
    const schema = root.table(1);
    const { count } = schema?.structs(2, 4) ?? { count: 0 };
    if (count > MOST_PAIRS)
      throw new ArrowFileError(`its schema has ${count} pairs of metadata, more than ${MOST_PAIRS}`);
    let size = 0;
    for (const pair of schema?.tables(2) ?? []) {
      const [key = "", value = ""] = [pair.text(0), pair.text(1)];
      // Pairs may share their bytes.
      size += key.length + value.length;
      if (size > view.byteLength) throw damaged("its metadata takes more bytes than its footer");
      pairs.set(key, value);
    }
    return pairs;
  } catch (error) {
    if (error instanceof FlatbufferError) throw damaged(`it ${error.message}`);
    throw error;
  }
}

export const arrowDamage = (what: string): ArrowFileError =>
  new ArrowFileError(`it is not a whole Arrow file: ${what}`);
const damaged = arrowDamage;

export interface Footer {
  readonly view: DataView;
  /** Its offset, which is the end of the batches. */
  readonly at: number;
  readonly root: FlatTable;
}

/** The footer of the file form. */
export function footerOf(source: ByteSource): Footer {
  const text = (at: number): string => Buffer.from(source.read(at, MAGIC.length)).toString("latin1");
  const tail = source.size - MAGIC.length - 4;
  if (tail < 8 || text(0) !== MAGIC)
    throw new ArrowFileError("it is not an Arrow file: it does not begin with `ARROW1`");
  if (text(tail + 4) !== MAGIC) throw damaged("it does not end with `ARROW1`");
  const length = viewOf(source.read(tail, 4)).getInt32(0, true);
  if (length < 4 || length > tail - 8) throw damaged(`its footer takes ${length} bytes`);
  const view = viewOf(source.read(tail - length, length));
  return { view, at: tail - length, root: flatRoot(view) };
}

/** A message of this size with its prefix: its length, and since Arrow 0.15 four bytes of ones before it. */
export function messageOf(
  source: ByteSource,
  at: number,
  size: number,
): { readonly view: DataView; readonly root: FlatTable } {
  const bytes = source.read(at, size);
  const head = viewOf(bytes);
  const prefix = head.getUint32(0, true) === 0xffffffff ? 8 : 4;
  const length = head.getInt32(prefix - 4, true);
  if (length < 4 || length > size - prefix) throw damaged(`the metadata at byte ${at} takes ${length} bytes`);
  const view = viewOf(bytes.subarray(prefix, prefix + length));
  return { view, root: flatRoot(view) };
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** An entry of the footer: the offset of a message, and the sizes of it and its body. */
export interface ArrowBlock {
  readonly offset: number;
  readonly metadata: number;
  readonly body: number;
}
export const blockAt = (footer: DataView, at: number): ArrowBlock => ({
  offset: int64At(footer, at),
  metadata: footer.getInt32(at + 8, true),
  body: int64At(footer, at + 16),
});

function read(bytes: Uint8Array): ArrowFile {
  const source = bytesSource(bytes);
  const { view: footerView, at: footerAt, root: footer } = footerOf(source);
  const schema = footer.table(1);
  if (!schema) throw damaged("it has no schema");
  if (schema.int16(0) !== 0) throw new ArrowFileError("its numbers are big-endian; little-endian ones are read");
  const fields: ArrowField[] = [];
  const { count } = schema.structs(1, 4);
  if (count > MOST_COLUMNS) throw new ArrowFileError(`it has ${count} columns, more than ${MOST_COLUMNS}`);
  let named = 0;
  for (const table of schema.tables(1)) {
    const field = fieldOf(table);
    // Columns may share a name's bytes.
    named += field.name.length;
    if (named > footerView.byteLength) throw damaged("the names of its columns take more bytes than its footer");
    fields.push(field);
  }
  for (const { name, type, bits } of fields)
    if (bits === 0) throw new ArrowFileError(`column \`${name}\` is ${type}, which no column is`);
  const columns = fields.map((): ArrowPiece[] => []);
  const blocks = footer.structs(3, BLOCK);
  let free = 8;
  for (let i = 0; i < blocks.count; i++) {
    const block = blockAt(footerView, blocks.at + i * BLOCK);
    // Batches that share bytes would let a small file take any amount of memory.
    if (block.offset < free || block.metadata < 8 || block.body < 0 || blockEnd(block) > footerAt)
      throw damaged(`batch ${i} takes bytes ${block.offset} to ${blockEnd(block)}, of ${free} to ${footerAt}`);
    free = blockEnd(block);
    readBatch(source, block, fields, columns, i);
  }
  return { fields, columns };
}

const blockEnd = ({ offset, metadata, body }: ArrowBlock): number => offset + metadata + body;

function fieldOf(field: FlatTable): ArrowField {
  const name = field.text(0);
  if (name === undefined) throw damaged("a column has no name");
  const type = field.table(3);
  if (!type) throw damaged(`column \`${name}\` has no type`);
  if (field.table(4)) return { name, type: "Dictionary", bits: 0 };
  switch (field.uint8(2)) {
    case 2: {
      const bits = type.int32(0);
      if (![8, 16, 32, 64].includes(bits)) throw damaged(`column \`${name}\` has integers of ${bits} bits`);
      return { name, type: `${type.bool(1) ? "" : "u"}int${bits}`, bits };
    }
    case 3: {
      const precision = type.int16(0);
      if (precision < 0 || precision > 2) throw damaged(`column \`${name}\` has floats of precision ${precision}`);
      return { name, type: `float${16 << precision}`, bits: 16 << precision };
    }
    case 5:
      return { name, type: "string", bits: 32 };
    case 6:
      return { name, type: "bool", bits: 1 };
    default:
      return { name, type: TYPE_NAMES[field.uint8(2)] ?? `type ${field.uint8(2)}`, bits: 0 };
  }
}

function readBatch(
  source: ByteSource,
  block: ArrowBlock,
  fields: readonly ArrowField[],
  columns: readonly ArrowPiece[][],
  index: number,
): void {
  const where = `batch ${index}`;
  const { view, root: message } = messageOf(source, block.offset, block.metadata);
  const batch = message.table(2);
  if (message.uint8(1) !== RECORD_BATCH || !batch || message.int64(3) !== block.body)
    throw damaged(`${where} is not the record batch that the footer describes`);
  if (batch.table(3)) throw new ArrowFileError("its buffers are compressed; uncompressed ones are read");
  const rows = batch.int64(0);
  const [nodes, buffers] = [batch.structs(1, PAIR), batch.structs(2, PAIR)];
  const body = source.read(block.offset + block.metadata, block.body);
  if (nodes.count !== fields.length) throw damaged(`${where} has ${nodes.count} columns for ${fields.length} fields`);
  let buffer = 0;
  let free = 0;
  const next = (): Uint8Array => {
    if (buffer >= buffers.count) throw damaged(`${where} has ${buffers.count} buffers, and its columns need more`);
    const at = buffers.at + PAIR * buffer++;
    const [offset, size] = [int64At(view, at), int64At(view, at + 8)];
    if (size === 0) return EMPTY;
    if (offset < free || size < 0 || offset + size > body.length)
      throw damaged(
        `buffer ${buffer - 1} of ${where} takes bytes ${offset} to ${offset + size} of ${free} to ${body.length}`,
      );
    free = offset + size;
    return body.subarray(offset, free);
  };
  fields.forEach((field, i) => {
    const count = int64At(view, nodes.at + PAIR * i);
    const nulls = int64At(view, nodes.at + PAIR * i + 8);
    if (count !== rows || nulls < 0 || nulls > rows)
      throw damaged(`column \`${field.name}\` has ${count} rows and ${nulls} nulls in ${where} of ${rows} rows`);
    columns[i]!.push(pieceOf(field, rows, nulls, next));
  });
}

function pieceOf({ name, type, bits }: ArrowField, rows: number, nulls: number, next: () => Uint8Array): ArrowPiece {
  const cut = (what: string, bytes: Uint8Array, needed: number): Uint8Array => {
    if (bytes.length < needed)
      throw damaged(`${what} of column \`${name}\` are ${bytes.length} bytes for ${rows} rows`);
    return bytes.subarray(0, needed);
  };
  const bitmap = next();
  const validity = nulls === 0 ? EMPTY : cut("the marks of nulls", bitmap, Math.ceil(rows / 8));
  if (type !== "string")
    return { rows, nulls, validity, values: cut("the values", next(), Math.ceil((rows * bits) / 8)), texts: EMPTY };
  // A column without rows may have no offsets.
  const given = next();
  const values = rows === 0 ? EMPTY : cut("the offsets", given, (rows + 1) * 4);
  const texts = next();
  checkOffsets(name, values, texts.length);
  return { rows, nulls, validity, values, texts };
}

function checkOffsets(name: string, offsets: Uint8Array, length: number): void {
  const view = new DataView(offsets.buffer, offsets.byteOffset, offsets.byteLength);
  let before = 0;
  for (let at = 0; at < offsets.length; at += 4) {
    const offset = view.getInt32(at, true);
    if (offset < before) throw damaged(`text ${at / 4} of column \`${name}\` begins at ${offset}, before ${before}`);
    before = offset;
  }
  if (before > length) throw damaged(`the texts of column \`${name}\` end at ${before} of ${length} bytes`);
}
