/**
 * A message whose last field is a list of tensors' bytes → a gRPC frame. The bytes of a small tensor are copied once, those of a large one
 * not at all.
 */
import { type BackWriter, putVarint, varintSize } from "./back-writer.js";
import { PREFIX } from "./framing.js";

/** One gRPC message with its prefix, in the pieces it is sent in. */
export type FramePieces = readonly Buffer[];

/** Messages up to this size leave in one piece: a second write costs more than the copy. */
const ONE_PIECE = 2 ** 16;

interface WithBytes {
  readonly data: Uint8Array;
}

/** The size of the tensors' bytes, each with its head. */
export function rawSize(tensors: readonly WithBytes[]): number {
  let size = 0;
  for (const { data } of tensors) size += 1 + varintSize(data.length) + data.length;
  return size;
}

/**
 * @param writer holds everything but the bytes
 * @param tag of the field that the bytes are in; below 128
 */
export function frameWithRaw(writer: BackWriter, tag: number, tensors: readonly WithBytes[]): FramePieces {
  const total = writer.length + rawSize(tensors);
  const together = total <= ONE_PIECE;
  const front = Buffer.allocUnsafe(PREFIX + (together ? total : writer.length));
  writer.copyTo(front, PREFIX);
  front[0] = 0;
  front.writeUInt32BE(total, 1);
  const pieces: Buffer[] = [front];
  let at = PREFIX + writer.length;
  for (const { data } of tensors) {
    if (together) {
      front[at++] = tag;
      at = putVarint(front, at, data.length);
      front.set(data, at);
      at += data.length;
      continue;
    }
    const head = Buffer.allocUnsafe(1 + varintSize(data.length));
    head[0] = tag;
    putVarint(head, 1, data.length);
    pieces.push(head);
    if (data.length > 0) pieces.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }
  return pieces;
}
