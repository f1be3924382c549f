/**
 * HTTP/2's frames (RFC 9113 §4 and §6): their types and flags, and how those without a body of their own are written.
 */
import { ERROR, type ErrorName } from "./errors.js";

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const FLAG = { ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

/** Bytes before a frame's payload. */
export const HEAD = 9;
/** The longest payload that is taken, and that may be sent until the peer allows more. */
export const MAX_PAYLOAD = 2 ** 14;
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** @returns the place after the head */
export function putHead(
  out: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  putStream(out, at + 5, stream);
  return at + HEAD;
}

export function putStream(out: Uint8Array, at: number, stream: number): void {
  out[at] = stream >>> 24;
  out[at + 1] = stream >>> 16;
  out[at + 2] = stream >>> 8;
  out[at + 3] = stream;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const out = Buffer.allocUnsafe(HEAD + payload.length);
  out.set(payload, putHead(out, 0, payload.length, type, flags, stream));
  return out;
}

export const SETTINGS_ACK = frame(FRAME.SETTINGS, FLAG.ACK, 0);

export const resetFrame = (stream: number, code: ErrorName): Buffer =>
  frame(FRAME.RST_STREAM, 0, stream, word(ERROR[code]));

/** @param stream 0 for the connection's window */
export const windowFrame = (stream: number, increment: number): Buffer =>
  frame(FRAME.WINDOW_UPDATE, 0, stream, word(increment));

export const pingFrame = (payload: Uint8Array, ack: boolean): Buffer =>
  frame(FRAME.PING, ack ? FLAG.ACK : 0, 0, payload);

/** @param last the highest stream that was or may still be served @param text for people who debug */
export const goawayFrame = (last: number, code: ErrorName, text = ""): Buffer =>
  frame(FRAME.GOAWAY, 0, 0, Buffer.concat([word(last), word(ERROR[code]), Buffer.from(text)]));

/** A header block as HEADERS and as many CONTINUATION as the payload limit requires. */
export function headerFrames(stream: number, block: Buffer, end: boolean, limit: number): Buffer {
  const ends = end ? FLAG.END_STREAM : 0;
  if (block.length <= limit) return frame(FRAME.HEADERS, ends | FLAG.END_HEADERS, stream, block);
  const parts: Buffer[] = [];
  for (let at = 0; at < block.length; at += limit) {
    const part = block.subarray(at, at + limit);
    const last = at + limit >= block.length ? FLAG.END_HEADERS : 0;
    parts.push(frame(at === 0 ? FRAME.HEADERS : FRAME.CONTINUATION, (at === 0 ? ends : 0) | last, stream, part));
  }
  return Buffer.concat(parts);
}

function word(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32BE(value);
  return out;
}
