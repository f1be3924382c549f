/**
 * How a call ends: its status in trailers, or in the headers alone when nothing was answered.
 */
import type { ServerHttp2Stream } from "node:http2";
import type { Packing } from "./packing.js";

const HEADERS = {
  ":status": 200,
  "content-type": "application/grpc",
  "grpc-accept-encoding": "identity, deflate, gzip",
} as const;
const DEADLINE_EXCEEDED = 4;

export interface FinalStatus {
  code: number;
  message: string;
}

/** Sends the headers; `final` is read when the last message has been sent. */
export function startAnswer(stream: ServerHttp2Stream, final: Readonly<FinalStatus>, packing?: Packing): void {
  stream.respond(packing ? { ...HEADERS, "grpc-encoding": packing.encoding } : HEADERS, { waitForTrailers: true });
  stream.on("wantTrailers", () => {
    if (!stream.destroyed) stream.sendTrailers(trailers(final.code, final.message));
  });
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
export function armDeadline(stream: ServerHttp2Stream, header: unknown, abort: AbortController): void {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(String(header ?? "")) ?? [];
  if (!digits) return;
  const milliseconds = Math.min(Number(digits) * UNITS[unit!]!, 2 ** 31 - 1);
  const timer = setTimeout(() => {
    endWithStatus(stream, DEADLINE_EXCEEDED, "Deadline Exceeded");
    abort.abort();
  }, milliseconds);
  stream.on("close", () => clearTimeout(timer));
}
