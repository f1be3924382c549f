/**
 * The response of a route, and its form on the socket: only the headers Triton sends.
 */
import { type RuntimeFault, STATUS } from "../../../base/errors.js";
import type { Exchange } from "../http1/exchange.js";

export interface Answer {
  readonly status: number;
  readonly type:
    | "application/json"
    | "application/octet-stream"
    | "text/plain"
    | "text/plain; charset=utf-8"
    | "text/event-stream; charset=utf-8"
    | `application/vnd.${string}`;
  /** Whole, or in pieces that are sent together; later parts are sent in chunks as they arrive. */
  readonly body: Buffer | string | readonly Buffer[] | AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called when the answer has left, or can't. */
  readonly onSent?: () => void;
}

export const jsonAnswer = (value: unknown): Answer => jsonTextAnswer(JSON.stringify(value));
export const jsonTextAnswer = (body: string): Answer => ({ status: 200, type: "application/json", body });
export const emptyAnswer = (status = 200): Answer => ({ status, type: "text/plain", body: "" });
export const notFound: Answer = { status: 404, type: "text/plain", body: JSON.stringify({ error: "Not Found" }) };
export const restricted = (header: string): Answer => ({
  status: 403,
  type: "text/plain",
  body: JSON.stringify({ error: `This API is restricted, expecting header '${header}'` }),
});
export const forbidden = (message: string): Answer => ({
  status: 403,
  type: "application/json",
  body: JSON.stringify({ error: message }),
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
  body: JSON.stringify({
    error: fault.message.length > LONGEST_MESSAGE ? `${fault.message.slice(0, LONGEST_MESSAGE)}…` : fault.message,
  }),
  ...((fault.code === "RESOURCE_EXHAUSTED" || fault.detail !== undefined) && { headers: faultHeaders(fault) }),
});

const faultHeaders = ({ code, detail }: RuntimeFault): Readonly<Record<string, string>> => ({
  ...(code === "RESOURCE_EXHAUSTED" && RETRY),
  ...(detail !== undefined && { "Merlon-Detail": headerText(detail) }),
});
/** Printable ASCII: names of a client are in it, and no header is longer than a line. */
const headerText = (text: string): string => text.slice(0, LONGEST_DETAIL).replaceAll(/[^ -~]/g, "?");
const LONGEST_DETAIL = 512;
/** Characters of a message: some repeat names that the client sent. */
const LONGEST_MESSAGE = 2 ** 16;
/** Seconds after which a refused client may try again. */
const RETRY = { "Retry-After": "1" };

const isStream = (body: Answer["body"]): body is AsyncIterable<string> =>
  typeof body === "object" && Symbol.asyncIterator in body;

/** Settles when the answer is written, which is not yet when it has left. */
export async function writeAnswer(exchange: Exchange, { status, type, body, headers, onSent }: Answer): Promise<void> {
  const fields: [string, string | number][] = [["Content-Type", type]];
  for (const name in headers) fields.push([name, headers[name]!]);
  if (isStream(body)) {
    await exchange.stream(status, fields, body).finally(onSent);
    return;
  }
  const pieces = typeof body === "string" ? [Buffer.from(body)] : Buffer.isBuffer(body) ? [body] : body;
  let size = 0;
  for (const piece of pieces) size += piece.length;
  fields.push(["Content-Length", size]);
  exchange.reply(status, fields, pieces, onSent);
}
