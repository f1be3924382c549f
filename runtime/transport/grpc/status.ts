/**
 * How a call ends: its status in trailers, or in the headers alone when nothing was answered.
 */
import type { ServerHttp2Stream } from "node:http2";
import type { Cancellable } from "../../cancellation.js";
import type { ConnectionCut } from "../../connection-cut.js";
import { writePieces } from "./framing.js";
import { type Packing, packed } from "./packing.js";

const HEADERS = {
  ":status": 200,
  "content-type": "application/grpc",
  "grpc-accept-encoding": "identity, deflate, gzip",
} as const;
const DEADLINE_EXCEEDED = 4;
const FLUSH_MS = 20;

export interface FinalStatus {
  code: number;
  message: string;
}

/** Triton's gRPC sends no `date`. */
const WITH_TRAILERS = { waitForTrailers: true, sendDate: false };

const headersWith = (packing: Packing | undefined) =>
  packing ? { ...HEADERS, "grpc-encoding": packing.encoding } : HEADERS;

/** Sends the headers; `final` is read when the last message has been sent. */
export function startAnswer(stream: ServerHttp2Stream, final: Readonly<FinalStatus>, packing?: Packing): void {
  stream.respond(headersWith(packing), WITH_TRAILERS);
  stream.on("wantTrailers", () => {
    if (!stream.destroyed) stream.sendTrailers(trailers(final.code, final.message));
  });
}

const OK = { "grpc-status": "0" };
function sendOk(this: ServerHttp2Stream): void {
  if (!this.destroyed) this.sendTrailers(OK);
}

/** Sends the whole answer of a call that went well. */
export function answerOk(stream: ServerHttp2Stream, answer: readonly Buffer[], packing?: Packing): void {
  // A deadline may have ended the call while the model ran.
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  const pieces = packed(packing, answer);
  stream.respond(headersWith(packing), WITH_TRAILERS);
  stream.on("wantTrailers", sendOk);
  if (pieces.length > 1) writePieces(stream, pieces);
  stream.end(pieces.length > 1 ? undefined : pieces[0]);
}

/** Sends what is left of an answer that does not arrive, and ends the connection. */
export function cutOff(stream: ServerHttp2Stream, { sent }: ConnectionCut): void {
  const end = (): void => stream.session?.destroy();
  if (stream.destroyed || (!sent && !stream.headersSent)) {
    end();
    return;
  }
  if (!stream.headersSent) stream.respond(HEADERS);
  // What was sent before must have arrived when the connection goes.
  stream.write(sent ?? Buffer.alloc(0), () => setTimeout(end, FLUSH_MS));
}

/** Ends a call that has answered nothing. */
export function endWithStatus(stream: ServerHttp2Stream, code: number, message: string): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  stream.respond({ ...HEADERS, ...trailers(code, message) }, { endStream: true });
}

const trailers = (code: number, message: string): Record<string, string> => ({
  "grpc-status": String(code),
  ...(message && { "grpc-message": percentEncode(message) }),
});

/** Printable ASCII but `%` stays; every other byte of the UTF-8 text becomes `%XX`. Headers have a bound, so has the text. */
function percentEncode(message: string): string {
  const text = message.length > 4096 ? `${message.slice(0, 4096)}…` : message;
  if (/^[ -$&-~]*$/.test(text) && text.trim() === text) return text;
  let out = "";
  // Blanks at the ends would be trimmed on the way, so blanks are encoded here too.
  for (const byte of Buffer.from(text))
    out +=
      byte > 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return out;
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Aborts the call and says so when the client's `grpc-timeout` is over. */
export function armDeadline(stream: ServerHttp2Stream, header: unknown, abort: Cancellable): void {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(String(header ?? "")) ?? [];
  if (!digits) return;
  const milliseconds = Math.min(Number(digits) * UNITS[unit!]!, 2 ** 31 - 1);
  const timer = setTimeout(() => {
    endWithStatus(stream, DEADLINE_EXCEEDED, "Deadline Exceeded");
    abort.abort();
  }, milliseconds);
  stream.on("close", () => clearTimeout(timer));
}
