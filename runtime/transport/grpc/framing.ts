/**
 * gRPC's length-prefixed messages: a stream of chunks → whole messages, a message → one frame.
 */
import type { Writable } from "node:stream";
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { RuntimeFault } from "../../errors.js";

/** Bytes before a message: whether it is compressed, and its length. */
export const PREFIX = 5;
const MAX_MESSAGE = 2 ** 31 - 1;
/** A compressed message may unpack to this; more is an attack. */
const MAX_UNPACKED = 2 ** 29;

const unpackers: Readonly<Record<string, (bytes: Buffer) => Promise<Buffer>>> = {
  gzip: bytes => promisify<Buffer, object, Buffer>(gunzip)(bytes, { maxOutputLength: MAX_UNPACKED }),
  deflate: bytes => promisify<Buffer, object, Buffer>(inflate)(bytes, { maxOutputLength: MAX_UNPACKED }),
};

export interface Frame {
  readonly compressed: boolean;
  readonly bytes: Buffer;
}

/** A chunk that is a small part of a large memory would keep all of it. */
const own = (chunk: Buffer): Buffer => (chunk.length * 8 < chunk.buffer.byteLength ? Buffer.from(chunk) : chunk);

/** Collects chunks and calls `onFrame` for each whole message. Chunks are joined once, when their message is complete. */
export function frameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let held = 0;
  let needed = PREFIX;
  const join = (): Buffer => {
    const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, held);
    chunks = [];
    return whole;
  };
  return chunk => {
    // Most messages are one chunk, and most chunks one message.
    if (held === 0 && chunk.length >= PREFIX && chunk.readUInt32BE(1) === chunk.length - PREFIX) {
      onFrame({ compressed: chunk[0] !== 0, bytes: chunk.subarray(PREFIX) });
      return;
    }
    chunks.push(chunk);
    held += chunk.length;
    while (held >= needed) {
      const whole = join();
      const length = whole.readUInt32BE(1);
      if (length > MAX_MESSAGE)
        throw new RuntimeFault("INVALID_ARGUMENT", `a message of ${length} bytes is larger than ${MAX_MESSAGE}`);
      if (held >= PREFIX + length) {
        onFrame({ compressed: whole[0] !== 0, bytes: whole.subarray(PREFIX, PREFIX + length) });
        const rest = whole.subarray(PREFIX + length);
        held = rest.length;
        if (held > 0) chunks = [rest];
        needed = PREFIX;
      } else {
        chunks = [whole];
        needed = PREFIX + length;
      }
    }
    if (held > 0) chunks.push(own(chunks.pop()!));
  };
}

/** The bytes of a message, unpacked if it was compressed. @throws RuntimeFault */
export async function unpack({ compressed, bytes }: Frame, encoding: string): Promise<Buffer> {
  if (!compressed) return bytes;
  const unpacker = Object.hasOwn(unpackers, encoding) ? unpackers[encoding] : undefined;
  if (!unpacker)
    throw new RuntimeFault("UNSUPPORTED", `message encoding '${encoding}' is not known; use identity, gzip or deflate`);
  try {
    return await unpacker(bytes);
  } catch (error) {
    throw new RuntimeFault("INTERNAL", `the message is not ${encoding} data: ${(error as Error).message}`, {
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

/** Writes a message that comes in pieces. @returns false when the reader is behind */
export function writePieces(stream: Writable, pieces: readonly Buffer[]): boolean {
  if (pieces.length === 1) return stream.write(pieces[0]!);
  stream.cork();
  let room = true;
  for (const piece of pieces) room = stream.write(piece);
  stream.uncork();
  return room;
}
