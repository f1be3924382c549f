/**
 * A connection's bytes → frames. Payloads are parts of the received chunks; only a frame that two chunks share is copied.
 */
import { ConnectionFault } from "./errors.js";
import { HEAD, MAX_PAYLOAD } from "./frames.js";

/** Takes the frame whose payload is `bytes` from `start` to `end`. */
export type TakeFrame = (
  type: number,
  flags: number,
  stream: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

/** Memory for frames that two chunks share is used again: a large request has many, and buffers that are made and dropped drive full collections. */
const LONGEST = HEAD + MAX_PAYLOAD;
const MAX_SPARES = 64;
/** How many frames are taken between two looks at the clock. */
const FRAMES_PER_LOOK = 4;
const spares: Buffer[] = [];

export class FrameReader {
  readonly #take: TakeFrame;
  /** The start of an incomplete frame, and its received length. */
  #held: Buffer | undefined;
  #filled = 0;
  /** Bytes of that frame; of its head, until that is there. */
  #whole = 0;
  #stopped = false;

  constructor(take: TakeFrame) {
    this.#take = take;
  }

  /** Nothing is taken any more, from the next frame on. */
  stop(): void {
    this.#stopped = true;
    this.#held = undefined;
    this.#filled = 0;
  }

  /**
   * @param slice milliseconds after which the rest of the chunk is left
   * @returns how many bytes were taken: all of them, or fewer where a slice of time is over
   * @throws ConnectionFault for a frame that is longer than was agreed, and errors of `take`
   */
  read(chunk: Buffer, slice = Number.POSITIVE_INFINITY): number {
    let at = this.#filled > 0 ? this.#fill(chunk) : 0;
    let frames = 0;
    let sliceEnds = Number.POSITIVE_INFINITY;
    while (chunk.length - at >= HEAD && !this.#stopped) {
      const end = at + HEAD + payloadLength(chunk, at);
      if (end > chunk.length) break;
      this.#pass(chunk, at, end);
      at = end;
      if (++frames % FRAMES_PER_LOOK > 0 || at === chunk.length) continue;
      const now = performance.now();
      if (frames === FRAMES_PER_LOOK) sliceEnds = now + slice;
      else if (now > sliceEnds) return at;
    }
    if (at < chunk.length && !this.#stopped) this.#hold(chunk, at);
    return chunk.length;
  }

  #hold(chunk: Buffer, at: number): void {
    this.#whole = chunk.length - at >= HEAD ? HEAD + payloadLength(chunk, at) : HEAD;
    this.#held = spares.pop() ?? Buffer.allocUnsafeSlow(LONGEST);
    this.#filled = chunk.copy(this.#held, 0, at);
  }

  /** @returns the place in the chunk after what belonged to the held frame */
  #fill(chunk: Buffer): number {
    const held = this.#held!;
    let at = this.#add(held, chunk, 0);
    if (this.#filled === HEAD && this.#whole === HEAD) {
      this.#whole = HEAD + payloadLength(held, 0);
      at = this.#add(held, chunk, at);
    }
    if (this.#filled < this.#whole) return at;
    this.#filled = 0;
    this.#held = undefined;
    this.#pass(held, 0, this.#whole);
    if (spares.length < MAX_SPARES) spares.push(held);
    return at;
  }

  #add(held: Buffer, chunk: Buffer, at: number): number {
    const part = chunk.copy(held, this.#filled, at, at + this.#whole - this.#filled);
    this.#filled += part;
    return at + part;
  }

  #pass(bytes: Buffer, at: number, end: number): void {
    const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    this.#take(bytes[at + 3]!, bytes[at + 4]!, stream, bytes, at + HEAD, end);
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  if (length > MAX_PAYLOAD)
    throw new ConnectionFault("FRAME_SIZE_ERROR", `a frame of ${length} bytes; at most ${MAX_PAYLOAD} are allowed`);
  return length;
}
