/**
 * Checks the structure of an Arrow IPC file, of the file or the stream form, before Apache's reader. That reader loops or allocates without
 * end on some damaged files. Metadata and offsets are read, values are not. Format: https://arrow.apache.org/docs/format/Columnar.html
 */

import type { ByteSource } from "../bytes/byte-source.js";
import { type ArrowBlock, ArrowFileError, arrowDamage, blockAt, footerOf, messageOf } from "./arrow-file.js";
import { type ArrowLayout, layoutsOf, MOST_TEXT } from "./arrow-layout.js";
import { FlatbufferError, type FlatTable, int64At } from "./flatbuffer.js";

const SCHEMA = 1;
const DICTIONARY = 2;
const RECORD_BATCH = 3;
const MAGIC = "ARROW1";
/** Rows of a batch whose columns take no bytes. */
const FREE_ROWS = 65_536;
/** Offsets that are read together. */
const STRETCH = 2 ** 16;

/** @throws ArrowFileError that says what is wrong, without the file's name */
export function checkArrow(source: ByteSource): void {
  try {
    const head = source.read(0, Math.min(MAGIC.length, source.size));
    if (Buffer.from(head).toString("latin1") === MAGIC) checkFile(source);
    else checkStream(source);
  } catch (error) {
    if (error instanceof FlatbufferError) throw arrowDamage(`it ${error.message}`);
    throw error;
  }
}

function checkFile(source: ByteSource): void {
  const { view, at, root } = footerOf(source);
  const schema = root.table(1);
  if (!schema) throw arrowDamage("it has no schema");
  const layouts = layoutsOf(schema);
  checkMetadata(root);
  const blocks: ArrowBlock[] = [];
  for (const field of [2, 3]) {
    const { at: first, count } = root.structs(field, 24);
    for (let i = 0; i < count; i++) blocks.push(blockAt(view, first + 24 * i));
  }
  let free = 8;
  // Dictionaries and batches are in any order; shared bytes would let a small file take any amount of memory.
  for (const block of blocks.sort((a, b) => a.offset - b.offset)) {
    const end = block.offset + block.metadata + block.body;
    if (block.offset < free || block.metadata < 8 || block.body < 0 || end > at)
      throw arrowDamage(`a batch takes bytes ${block.offset} to ${end}, of ${free} to ${at}`);
    free = end;
    const message = messageOf(source, block.offset, block.metadata);
    if (message.root.int64(3) !== block.body)
      throw arrowDamage(`the batch at byte ${block.offset} is not the one that the footer describes`);
    checkMessage(source, message, block, layouts);
  }
}

function checkStream(source: ByteSource): void {
  let layouts: ArrowLayout | undefined;
  for (let at = 0; at + 4 <= source.size; ) {
    const words = new DataView(Uint8Array.from(source.read(at, Math.min(8, source.size - at))).buffer);
    // Since Arrow 0.15 four bytes of ones precede it.
    const prefix = words.getUint32(0, true) === 0xffffffff ? 8 : 4;
    if (prefix > words.byteLength) throw arrowDamage("it is cut short");
    const length = words.getInt32(prefix - 4, true);
    if (length === 0) break;
    if (length < 4 || length > source.size - at - prefix)
      throw arrowDamage(`the metadata at byte ${at} takes ${length} bytes, and ${source.size - at - prefix} follow`);
    const block = { offset: at, metadata: prefix + length, body: 0 };
    const message = messageOf(source, block.offset, block.metadata);
    const body = message.root.int64(3);
    if (body < 0 || body > source.size - at - block.metadata)
      throw arrowDamage(`the batch at byte ${at} takes ${body} bytes, and ${source.size - at - block.metadata} follow`);
    const kind = message.root.uint8(1);
    if (kind === SCHEMA) {
      checkMetadata(message.root);
      const schema = message.root.table(2);
      if (!schema || layouts) throw arrowDamage("it has no schema, or several");
      layouts = layoutsOf(schema);
    } else if (!layouts) throw arrowDamage("it does not begin with a schema");
    else checkMessage(source, message, { ...block, body }, layouts);
    at += block.metadata + body;
  }
  if (!layouts) throw new ArrowFileError("it has no schema, as an empty file");
}

interface Message {
  readonly view: DataView;
  readonly root: FlatTable;
}

function checkMessage(
  source: ByteSource,
  { view, root }: Message,
  { offset, metadata, body }: ArrowBlock,
  { columns, dictionaries }: ArrowLayout,
): void {
  const header = root.table(2);
  const kind = root.uint8(1);
  checkMetadata(root);
  if (!header || (kind !== DICTIONARY && kind !== RECORD_BATCH))
    throw arrowDamage(`the message at byte ${offset} is of kind ${kind}`);
  const place = { source, view, at: offset + metadata, length: body };
  if (kind === RECORD_BATCH) {
    checkBatch(header, place, columns);
    return;
  }
  const id = header.int64(0);
  const values = dictionaries.get(id);
  const data = header.table(1);
  if (!values || !data) throw arrowDamage(`the dictionary at byte ${offset} is that of no column (${id})`);
  checkBatch(data, place, [values]);
}

/** Pairs of a message, which Apache's reader decodes. Pairs may share their texts. */
function checkMetadata(message: FlatTable): void {
  let texts = 0;
  for (const pair of message.tables(4)) texts += pair.structs(0, 1).count + pair.structs(1, 1).count;
  if (texts > MOST_TEXT) throw new ArrowFileError(`a message has more than ${MOST_TEXT} bytes of metadata`);
}

interface Body {
  readonly source: ByteSource;
  /** The metadata that nodes and buffers are in. */
  readonly view: DataView;
  /** Offset and length of the body in the file. */
  readonly at: number;
  readonly length: number;
}

function checkBatch(batch: FlatTable, body: Body, columns: ArrowLayout["columns"]): void {
  if (batch.table(3)) throw new ArrowFileError("its buffers are compressed; uncompressed ones are read");
  const rows = batch.int64(0);
  if (rows < 0 || rows > 8 * body.length + FREE_ROWS)
    throw arrowDamage(`the batch at byte ${body.at} has ${rows} rows in ${body.length} bytes`);
  const nodes = batch.structs(1, 16);
  const buffers = batch.structs(2, 16);
  const viewCounts = batch.structs(4, 8);
  let node = 0;
  let buffer = 0;
  let view = 0;
  let free = 0;
  const nextNode = (): { readonly length: number; readonly nulls: number } => {
    if (node >= nodes.count)
      throw arrowDamage(`the batch at byte ${body.at} has ${nodes.count} columns, and needs more`);
    const at = nodes.at + 16 * node++;
    const [length, nulls] = [int64At(body.view, at), int64At(body.view, at + 8)];
    if (nulls < 0 || nulls > length)
      throw arrowDamage(`a column of the batch at byte ${body.at} has ${length} rows and ${nulls} nulls`);
    return { length, nulls };
  };
  const nextBuffer = (needed: number): { readonly at: number; readonly length: number } => {
    if (buffer >= buffers.count)
      throw arrowDamage(`the batch at byte ${body.at} has ${buffers.count} buffers, and needs more`);
    const at = buffers.at + 16 * buffer++;
    const [offset, length] = [int64At(body.view, at), int64At(body.view, at + 8)];
    if (length < needed)
      throw arrowDamage(`buffer ${buffer - 1} of the batch at byte ${body.at} has ${length} of ${needed} bytes`);
    if (length === 0) return { at: body.at, length };
    if (offset < free || offset + length > body.length)
      throw arrowDamage(
        `buffer ${buffer - 1} of the batch at byte ${body.at} takes bytes ${offset} to ${offset + length} of ${free} to ${body.length}`,
      );
    free = offset + length;
    return { at: body.at + offset, length };
  };
  /** @returns rows of the column */
  const check = (layout: ArrowLayout["columns"][number]): number => {
    const { length, nulls } = nextNode();
    if (layout.validity) nextBuffer(nulls > 0 ? Math.ceil(length / 8) : 0);
    for (const bits of layout.fixed) nextBuffer(Math.ceil((length * bits) / 8));
    if (layout.views) {
      if (view >= viewCounts.count)
        throw arrowDamage(`the batch at byte ${body.at} does not count its buffers of views`);
      for (let left = int64At(body.view, viewCounts.at + 8 * view++); left > 0; left--) nextBuffer(0);
    }
    let within = layout.perRow * length;
    if (layout.offsets > 0) {
      const offsets = nextBuffer(length === 0 ? 0 : (length + 1) * layout.offsets);
      if (length > 0) within = lastOffset(body.source, offsets.at, length + 1, layout.offsets);
    }
    if (layout.bytes) nextBuffer(within);
    for (const child of layout.children) {
      const childRows = check(child);
      if (childRows < within)
        throw arrowDamage(`lists of the batch at byte ${body.at} end at ${within} of ${childRows} items`);
    }
    return length;
  };
  for (const column of columns)
    if (check(column) !== rows) throw arrowDamage(`a column of the batch at byte ${body.at} has not its ${rows} rows`);
}

/** @returns the last one @throws ArrowFileError where they do not rise */
function lastOffset(source: ByteSource, at: number, count: number, width: number): number {
  let before = 0;
  for (let first = 0; first < count; first += STRETCH) {
    const n = Math.min(STRETCH, count - first);
    const bytes = source.read(at + first * width, n * width);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < n; i++) {
      const offset = width === 4 ? view.getInt32(i * 4, true) : int64At(view, i * 8);
      if (offset < before) throw arrowDamage(`offset ${first + i} at byte ${at} is ${offset}, after ${before}`);
      before = offset;
    }
  }
  return before;
}
