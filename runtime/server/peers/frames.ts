/**
 * The form of frames between workers: 16 bytes of header, a head, and the bytes of tensors, each at a multiple of 8 bytes.
 *
 *     u32 bytes after the header | u32 request | u32 bytes of the head | u8 type | u8 load | u16 zero
 */
import { RuntimeFault } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";
import { BadFrame, type Packer } from "./packer.js";

export const HEADER = 16;

export const FRAME = {
  /** The first frame of each side: who it is. */
  hello: 1,
  request: 2,
  cancel: 3,
  /** A response, which others may follow. */
  response: 4,
  /** The last response. */
  last: 5,
  /** No response follows. */
  end: 6,
  /** A fault among the responses of a decoupled model. */
  faultAmong: 7,
  /** The request failed. */
  fault: 8,
  /** The version is not ready there. */
  absent: 9,
  /** Only the load, which every frame carries. */
  load: 10,
  /** The worker is stopping. */
  leaving: 11,
  /** Notes of a traced request. */
  notes: 12,
  /** The sender is about to unload a version; `end` says that the receiver needs it no more. */
  closing: 13,
} as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];
const MOST = FRAME.closing;

export interface FrameHeader {
  readonly length: number;
  readonly id: number;
  readonly head: number;
  readonly type: FrameType;
  /** How busy the sender is with its own work, from 0 to 1. */
  readonly load: number;
}

/** @throws BadFrame */
export function readHeader(bytes: Buffer, at: number): FrameHeader {
  const length = bytes.readUInt32LE(at);
  const head = bytes.readUInt32LE(at + 8);
  const type = bytes[at + 12]!;
  if (type < 1 || type > MOST || bytes.readUInt16LE(at + 14) !== 0) throw new BadFrame("bytes that are not a frame");
  if (length > MAX_FRAME) throw new BadFrame(`a frame of ${length} bytes`);
  if (head > length) throw new BadFrame("a head longer than its frame");
  return { length, id: bytes.readUInt32LE(at + 4), head, type: type as FrameType, load: bytes[at + 13]! / 255 };
}

function writeHeader(bytes: Buffer, length: number, id: number, head: number, type: FrameType, load: number): void {
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(id, 4);
  bytes.writeUInt32LE(head, 8);
  bytes[12] = type;
  bytes[13] = Math.round(255 * Math.min(1, Math.max(0, load)));
  bytes.writeUInt16LE(0, 14);
}

/** Smaller tensors are copied beside the head; larger ones leave from where they are. */
const COPIED = 4096;
/** Bytes after a header at most: those of the largest gRPC message, and names and parameters. */
export const MAX_FRAME = 2 ** 31 + 2 ** 20;
const ZEROS = Buffer.alloc(8);

/** @param packer began with `HEADER` bytes, and has the head @throws RuntimeFault for a frame that is too long */
export function finishFrame(
  packer: Packer,
  type: FrameType,
  id: number,
  load: number,
  tensors: readonly Pick<Tensor, "data">[] = [],
): readonly Uint8Array[] {
  const head = packer.length - HEADER;
  let length = head;
  for (const { data } of tensors) length += padding(length) + data.byteLength;
  if (length > MAX_FRAME) throw tooLong(length);
  let small = true;
  for (const { data } of tensors) if (data.byteLength > COPIED) small = false;
  if (small) {
    for (const { data } of tensors) {
      packer.align(HEADER);
      packer.raw(data);
    }
    writeHeader(packer.view, length, id, head, type, load);
    return [packer.take()];
  }
  writeHeader(packer.view, length, id, head, type, load);
  const pieces: Uint8Array[] = [packer.take()];
  let at = head;
  for (const { data } of tensors) {
    const gap = padding(at);
    if (gap > 0) pieces.push(ZEROS.subarray(0, gap));
    if (data.byteLength > 0) pieces.push(data);
    at += gap + data.byteLength;
  }
  return pieces;
}

const tooLong = (bytes: number): RuntimeFault =>
  new RuntimeFault(
    "RESOURCE_EXHAUSTED",
    `tensors of ${bytes} bytes cannot be forwarded to another worker, which takes at most ${MAX_FRAME}; split them`,
  );

/** Start of the bytes of a tensor after those before it. */
export const aligned = (at: number): number => at + padding(at);

const padding = (at: number): number => (8 - (at % 8)) % 8;
