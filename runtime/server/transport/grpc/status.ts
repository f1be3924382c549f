/**
 * How a call ends: its status in trailers, or in the headers alone when nothing was answered.
 */
import type { Cancellable } from "../../../base/cancellation.js";
import type { ConnectionCut } from "../../../base/connection-cut.js";
import { STATUS } from "../../../base/errors.js";
import { MAX_STATUS_TEXT } from "../../../wire/grpc/limits.js";
import type { Packing } from "../../../wire/grpc/packing.js";
import { encodeFields } from "../http2/hpack-encode.js";
import type { Field } from "../http2/static-table.js";
import type { Stream } from "../http2/stream.js";

/** Triton's gRPC sends no `date`. */
const FIELDS: readonly Field[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
  ["grpc-accept-encoding", "identity, deflate, gzip"],
];
const HEAD = encodeFields(FIELDS);
const PACKED_HEADS = new Map(
  ["gzip", "deflate"].map(name => [name, encodeFields([...FIELDS, ["grpc-encoding", name]])] as const),
);
const OK = encodeFields([["grpc-status", "0"]]);
const DEADLINE_EXCEEDED = STATUS.DEADLINE_EXCEEDED.grpc;
const FLUSH_MS = 20;

const headOf = (packing: Packing | undefined): Buffer => (packing && PACKED_HEADS.get(packing.encoding)) ?? HEAD;

/** Sends the headers of a response whose messages follow one by one. */
export function startAnswer(stream: Stream, packing?: Packing): void {
  stream.respond(headOf(packing));
}

/** Ends an answer that was started. */
export function endAnswer(stream: Stream, code: number, message: string): void {
  stream.end(code === 0 ? OK : encodeFields(trailers(code, message)));
}

/** Sends the whole response of a successful call, unchanged or packed. A deadline may have ended it while the model ran. */
export function answerOk(stream: Stream, answer: readonly Buffer[], packing?: Packing): void {
  if (stream.closed || stream.begun) return;
  stream.answer(headOf(packing), answer, OK);
}

/** Sends what is left of an answer that does not arrive, and ends the connection. */
export function cutOff(stream: Stream, { sent }: ConnectionCut): void {
  const { connection } = stream;
  if (stream.closed || (!sent && !stream.begun)) {
    connection.destroy();
    return;
  }
  if (!stream.begun) stream.respond(HEAD);
  if (sent) stream.write([sent]);
  // Earlier data must have arrived before the connection is destroyed.
  stream.whenSent(() => connection.whenWritten(() => setTimeout(() => connection.destroy(), FLUSH_MS)));
}

/** Ends a call that has answered nothing. */
export function endWithStatus(stream: Stream, code: number, message: string, detail?: string): void {
  if (stream.closed || stream.begun) return;
  const own: readonly Field[] = detail === undefined ? [] : [["merlon-detail", percentEncode(detail.slice(0, 512))]];
  stream.respond(encodeFields([...FIELDS, ...trailers(code, message), ...own]), true);
}

const trailers = (code: number, message: string): readonly Field[] => [
  ["grpc-status", String(code)],
  ...(message ? [["grpc-message", percentEncode(message)] as const] : []),
];

/**
 * Printable ASCII but `%` stays; every other byte of the UTF-8 text becomes `%XX`. Clients refuse trailers above 8 or 16 KiB, and would lose the status: the
 * encoded text is bounded.
 */
function percentEncode(message: string): string {
  if (message.length <= MAX_STATUS_TEXT && /^[ -$&-~]*$/.test(message) && message.trim() === message) return message;
  let out = "";
  // A character becomes nine letters at most, and one is as long as a byte at least.
  for (const character of message.slice(0, MAX_STATUS_TEXT)) {
    const encoded = encodeCharacter(character);
    if (out.length + encoded.length + ELLIPSIS.length > MAX_STATUS_TEXT) return out + ELLIPSIS;
    out += encoded;
  }
  return message.length > MAX_STATUS_TEXT ? out + ELLIPSIS : out;
}

const ELLIPSIS = "%E2%80%A6";

/** Blanks at the ends would be trimmed on the way, so blanks are encoded too. */
function encodeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  if (code > 0x20 && code <= 0x7e && code !== 0x25) return character;
  if (code < 0x80) return percent(code);
  let out = "";
  for (const byte of Buffer.from(character)) out += percent(byte);
  return out;
}

const percent = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;

/** Aborts the call and says so when its time is over. @param timeout in milliseconds */
export function armDeadline(stream: Stream, timeout: number | undefined, abort: Cancellable): void {
  if (timeout === undefined) return;
  const timer = setTimeout(() => {
    // A stream says so too, before what it still runs is given up: its faults would arrive ahead of the client's own deadline.
    if (!stream.begun) endWithStatus(stream, DEADLINE_EXCEEDED, "Deadline Exceeded");
    else if (stream.writable) endAnswer(stream, DEADLINE_EXCEEDED, "Deadline Exceeded");
    abort.abort();
  }, timeout);
  stream.onClose(() => clearTimeout(timer));
}
