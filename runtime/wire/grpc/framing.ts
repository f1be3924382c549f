/**
 * gRPC's length-prefixed messages: a stream of chunks → whole messages, a message → one frame.
 */
import type { Writable } from "node:stream";
import type { Cancellation } from "../../base/cancellation.js";
import { internal, invalid, RuntimeFault, unsupported } from "../../base/errors.js";
import { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { RequestMeter } from "../../base/memory/request-meter.js";
import { type UnpackOptions, unpackBytes } from "../../base/memory/unpack.js";
import { FIRST_ROOM, MAX_MESSAGE, ROOM_AHEAD } from "./limits.js";

/** Bytes before a message: whether it is compressed, and its length. */
export const PREFIX = 5;
/** A response may unpack to this. */
const MAX_RESPONSE = 2 ** 29;

export interface Frame {
  readonly compressed: boolean;
  readonly bytes: Buffer;
}

/** Allocates a buffer for a message of this size. @param begin its first bytes */
export type MakeRoom = (length: number, begin: Buffer) => Buffer;

/** Chunks from here on may be large messages, which are put where `makeRoom` says. */
const WHOLE = 2 ** 13;

/**
 * Collects chunks, which stay the caller's, and calls `onFrame` for each whole message.
 * @param makeRoom where messages are put together
 */
export function frameReader(
  onFrame: (frame: Frame) => void,
  makeRoom: MakeRoom = length => Buffer.allocUnsafe(length),
): (chunk: Buffer) => void {
  const head = Buffer.alloc(PREFIX);
  /** Number of received bytes of the head. */
  let headed = 0;
  /** The length of the message that has begun. */
  let length = 0;
  let message: Buffer | undefined;
  let filled = 0;
  const pass = (bytes: Buffer): void => {
    headed = 0;
    message = undefined;
    onFrame({ compressed: head[0] !== 0, bytes });
  };
  const grow = (room: number): void => {
    const smaller = message!;
    message = makeRoom(Math.min(length, room), smaller.subarray(0, Math.min(filled, WHOLE)));
    smaller.copy(message, 0, 0, filled);
  };
  return chunk => {
    let at = 0;
    // Most messages are one chunk, and most chunks one message.
    if (headed === 0 && chunk.length >= PREFIX && chunk.length < WHOLE) {
      length = chunk.readUInt32BE(1);
      if (length === chunk.length - PREFIX) {
        const bytes = Buffer.allocUnsafe(length);
        bytes.set(chunk.subarray(PREFIX));
        onFrame({ compressed: chunk[0] !== 0, bytes });
        return;
      }
    }
    for (;;) {
      if (headed < PREFIX) {
        const part = chunk.copy(head, headed, at, at + PREFIX - headed);
        headed += part;
        at += part;
        if (headed < PREFIX) return;
        length = head.readUInt32BE(1);
        if (length > MAX_MESSAGE) throw invalid(`a message of ${length} bytes is larger than ${MAX_MESSAGE}`);
        filled = 0;
      }
      const there = Math.min(chunk.length - at, length - filled);
      if (there === 0 && filled < length) return;
      // Lengths are only claims: the buffer grows with the received bytes.
      message ??= makeRoom(
        Math.min(length, there < WHOLE ? there * ROOM_AHEAD : FIRST_ROOM),
        chunk.subarray(at, at + there),
      );
      if (filled + there > message.length) grow((filled + there) * ROOM_AHEAD);
      chunk.copy(message, filled, at, at + there);
      filled += there;
      at += there;
      if (filled < length) return;
      pass(message);
    }
  };
}

/** The bytes of a request, unpacked within its meter if it was compressed. @throws RuntimeFault */
export async function unpackRequest(
  { compressed, bytes }: Frame,
  encoding: string,
  meter: RequestMeter,
  signal: Cancellation,
): Promise<Buffer> {
  if (!compressed) return bytes;
  const unpacked = await unpackFrame(bytes, encoding, {
    charge: meter.charge!,
    limit: Math.min(MAX_MESSAGE, meter.left),
    tooLarge: () => meter.exceeded(),
    signal,
  });
  meter.count(unpacked.length);
  return unpacked;
}

/** The bytes of a message that a client reads, unpacked if it was compressed. @throws RuntimeFault */
export async function unpack({ compressed, bytes }: Frame, encoding: string): Promise<Buffer> {
  if (!compressed) return bytes;
  return unpackFrame(bytes, encoding, { charge: new MemoryBudget().open(), limit: MAX_RESPONSE, tooLarge });
}

const tooLarge = (limit: number): RuntimeFault =>
  new RuntimeFault("RESOURCE_EXHAUSTED", `the message unpacks to more than ${limit} bytes`);

async function unpackFrame(bytes: Buffer, encoding: string, options: UnpackOptions): Promise<Buffer> {
  if (encoding !== "gzip" && encoding !== "deflate")
    throw unsupported(`message encoding '${encoding}' is not known; use identity, gzip or deflate`);
  try {
    return await unpackBytes(bytes, encoding, options);
  } catch (error) {
    if (error instanceof RuntimeFault) throw error;
    throw internal(`the message is not ${encoding} data: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** A message with its prefix. */
export function frame(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(PREFIX + message.length);
  out.set(message, PREFIX);
  out[0] = 0;
  out.writeUInt32BE(message.length, 1);
  return out;
}

/** Writes a message in pieces. @returns false if the reader is behind */
export function writePieces(stream: Writable, pieces: readonly Buffer[]): boolean {
  if (pieces.length === 1) return stream.write(pieces[0]!);
  stream.cork();
  let room = true;
  for (const piece of pieces) room = stream.write(piece);
  stream.uncork();
  return room;
}
