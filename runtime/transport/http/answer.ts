/**
 * What a route answers, and how it is written to the socket: only the headers Triton sends.
 */
import type { ServerResponse } from "node:http";
import { type RuntimeFault, STATUS } from "../../errors.js";

export interface Answer {
  readonly status: number;
  readonly type: "application/json" | "application/octet-stream" | "text/plain" | "text/plain; charset=utf-8";
  readonly body: Buffer | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const jsonAnswer = (value: unknown): Answer => ({
  status: 200,
  type: "application/json",
  body: JSON.stringify(value),
});
export const emptyAnswer = (status = 200): Answer => ({ status, type: "text/plain", body: "" });
export const notFound: Answer = { status: 404, type: "text/plain", body: JSON.stringify({ error: "Not Found" }) };
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

export function writeAnswer(response: ServerResponse, { status, type, body, headers }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.sendDate = false;
  if (response.shouldKeepAlive || response.req.httpVersion === "1.0") response.removeHeader("connection");
  response.writeHead(status, { "Content-Type": type, ...headers, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}
