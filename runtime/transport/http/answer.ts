/**
 * What a route answers, and how it is written to the socket: only the headers Triton sends.
 */
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type RuntimeFault, STATUS } from "../../errors.js";

export interface Answer {
  readonly status: number;
  readonly type:
    | "application/json"
    | "application/octet-stream"
    | "text/plain"
    | "text/plain; charset=utf-8"
    | "text/event-stream; charset=utf-8";
  /** Whole, or in pieces that are sent together; parts that are still to come are sent as they do, in chunks. */
  readonly body: Buffer | string | readonly Buffer[] | AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called when the answer has left, or can't. */
  readonly onSent?: () => void;
}

export const jsonAnswer = (value: unknown): Answer => ({
  status: 200,
  type: "application/json",
  body: JSON.stringify(value),
});
export const emptyAnswer = (status = 200): Answer => ({ status, type: "text/plain", body: "" });
export const notFound: Answer = { status: 404, type: "text/plain", body: JSON.stringify({ error: "Not Found" }) };
export const restricted = (header: string): Answer => ({
  status: 403,
  type: "text/plain",
  body: JSON.stringify({ error: `This API is restricted, expecting header '${header}'` }),
});
/** @param type `text/plain` on the routes that Triton answers without a body */
export const methodNotAllowed = (type: Answer["type"]): Answer => ({
  status: 405,
  type,
  body: JSON.stringify({ error: "Method Not Allowed" }),
});

/** @param type `text/plain` for faults found before the body was looked at */
export const faultAnswer = (fault: RuntimeFault, type: Answer["type"] = "application/json"): Answer => ({
  status: STATUS[fault.code].http,
  type,
  body: JSON.stringify({ error: fault.message }),
});

const isPieces = (body: Answer["body"]): body is readonly Buffer[] => Array.isArray(body);

export async function writeAnswer(
  response: ServerResponse,
  { status, type, body, headers, onSent }: Answer,
): Promise<void> {
  if (onSent) response.once("close", onSent);
  if (response.headersSent || response.destroyed) return;
  response.sendDate = false;
  if (response.shouldKeepAlive || response.req.httpVersion === "1.0") response.removeHeader("connection");
  if (isPieces(body)) {
    const size = body.reduce((sum, piece) => sum + piece.length, 0);
    response.writeHead(status, { "Content-Type": type, ...headers, "Content-Length": size });
    const last = body.length - 1;
    for (let i = 0; i < last; i++) response.write(body[i]!);
    response.end(body[last]);
    return;
  }
  if (typeof body !== "string" && !Buffer.isBuffer(body)) {
    response.writeHead(status, { "Content-Type": type, ...headers });
    // A client that goes away ends the answer; that is no fault.
    await pipeline(Readable.from(body, { objectMode: true }), response).catch(error => {
      if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
    });
    return;
  }
  response.writeHead(status, { "Content-Type": type, ...headers, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}
