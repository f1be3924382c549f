/**
 * gRPC's length-prefixed messages: a stream of chunks → whole messages, a message → one frame.
 */
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { RuntimeFault } from "../../errors.js";
import type { Fields } from "./wire.js";

const PREFIX = 5;
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
export function frame(message: Fields | Uint8Array): Buffer {
  const body = message instanceof Uint8Array ? message : undefined;
  const out = body ? Buffer.allocUnsafe(PREFIX + body.length) : (message as Fields).finish(PREFIX);
  if (body) out.set(body, PREFIX);
  out[0] = 0;
  out.writeUInt32BE(out.length - PREFIX, 1);
  return out;
}
