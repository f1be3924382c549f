/**
 * Chunks of a socket → whole frames. The receiver decides for each header whether its bytes are kept, and where.
 */
import { type FrameHeader, HEADER, readHeader } from "./frames.js";

export interface FrameSink {
  /** Memory for the bytes after a header; undefined to skip them. @throws to end the link */
  room(header: FrameHeader): Buffer | undefined;
  /** @param body undefined if the bytes were skipped */
  frame(header: FrameHeader, body: Buffer | undefined): void;
}

/** @returns takes the chunks, which are valid only during the call. @throws BadFrame, and errors of the sink */
export function readFrames(sink: FrameSink): (chunk: Buffer) => void {
  const partial = Buffer.alloc(HEADER);
  /** Bytes of the header that are there. */
  let started = 0;
  let header: FrameHeader | undefined;
  let body: Buffer | undefined;
  let received = 0;
  const begin = (found: FrameHeader): void => {
    header = found;
    body = sink.room(found);
    received = 0;
  };
  /** @returns where the header ends in the chunk; undefined if it is not complete */
  const readHead = (chunk: Buffer, at: number): number | undefined => {
    if (started === 0 && chunk.length - at >= HEADER) {
      begin(readHeader(chunk, at));
      return at + HEADER;
    }
    const taken = Math.min(HEADER - started, chunk.length - at);
    chunk.copy(partial, started, at, at + taken);
    started += taken;
    if (started < HEADER) return undefined;
    started = 0;
    begin(readHeader(partial, 0));
    return at + taken;
  };
  return chunk => {
    for (let at = 0; at < chunk.length || header; ) {
      if (!header) {
        const next = readHead(chunk, at);
        if (next === undefined) return;
        at = next;
      }
      const found: FrameHeader = header!;
      const taken = Math.min(found.length - received, chunk.length - at);
      if (body && taken > 0) chunk.copy(body, received, at, at + taken);
      received += taken;
      at += taken;
      if (received < found.length) return;
      const whole = body;
      header = undefined;
      body = undefined;
      sink.frame(found, whole);
    }
  };
}
