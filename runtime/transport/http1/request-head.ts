/**
 * The head of a request: request line and fields → what is asked, how its body is framed, and whether the connection stays (RFC 9112 §3, §6, §9.3). What two
 * readers could frame in two ways is refused: a length beside chunks, two lengths, codings after `chunked`.
 */
import { refuse } from "./fault.js";
import { type Field, type Headers, joinFields, readField } from "./fields.js";

export interface RequestHead {
  readonly method: string;
  /** As it was written: a path, `*`, or a whole URL. */
  readonly target: string;
  /** Of HTTP/1: 0 or 1. */
  readonly minor: number;
  readonly headers: Headers;
  readonly fields: readonly Field[];
  /** How the body ends: after so many bytes, or by a last chunk. */
  readonly body: number | "chunked";
  readonly keepsAlive: boolean;
  /** What the client waits for before it sends the body. */
  readonly expects: "continue" | "unknown" | undefined;
}

const METHODS = new Set([
  ...["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND"],
  ...["PROPPATCH", "SEARCH", "UNLOCK", "BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE"],
  ...["M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PURGE", "MKCALENDAR", "LINK", "UNLINK", "SOURCE"],
]);
const REQUEST_LINE = /^([A-Z-]+) ((?:\/|\*|[A-Za-z]+:\/\/)[\x21-\x7e]*) HTTP\/1\.([01])$/;
/** A length of more is none of 64 bits. */
const MAX_LENGTH = 2n ** 64n;

/**
 * @param text everything before the empty line, one character per byte
 * @throws BadRequest
 */
export function readHead(text: string, maxFields: number): RequestHead {
  const lineEnd = text.indexOf("\r\n");
  const [, method, target, minor] = REQUEST_LINE.exec(lineEnd < 0 ? text : text.slice(0, lineEnd)) ?? [];
  if (method === undefined || !METHODS.has(method)) refuse("this is no request line of HTTP/1.0 or 1.1");
  const fields: Field[] = [];
  for (let at = lineEnd < 0 ? text.length : lineEnd + 2; at < text.length; ) {
    const found = text.indexOf("\r\n", at);
    const end = found < 0 ? text.length : found;
    if (fields.length === maxFields) refuse(`more than ${maxFields} headers`);
    fields.push(readField(text.slice(at, end)));
    at = end + 2;
  }
  const headers = joinFields(fields);
  return {
    method: method!,
    target: target!,
    minor: Number(minor),
    headers,
    fields,
    body: readFraming(headers, fields),
    keepsAlive: keepsAlive(headers.connection, minor === "1"),
    expects: minor === "1" && headers.expect !== undefined ? readExpect(headers.expect) : undefined,
  };
}

function readFraming(headers: Headers, fields: readonly Field[]): number | "chunked" {
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined) {
    if (length !== undefined) refuse("a content-length beside a transfer-encoding");
    const codings = coding.toLowerCase().split(",");
    const first = codings.findIndex(name => name.trim() === "chunked");
    if (first < 0 || first !== codings.length - 1) refuse("a transfer-encoding that does not end in one 'chunked'");
    return "chunked";
  }
  if (length === undefined) return 0;
  if (!/^[0-9]+$/.test(length) || (length.length > 15 && BigInt(length) >= MAX_LENGTH))
    refuse("a content-length that is no number of bytes");
  if (fields.filter(([name]) => name.length === 14 && name.toLowerCase() === "content-length").length > 1)
    refuse("more than one content-length");
  return Number(length);
}

function keepsAlive(connection: string | undefined, byDefault: boolean): boolean {
  if (connection === undefined) return byDefault;
  const options = connection.toLowerCase().split(",");
  const has = (option: string): boolean => options.some(name => name.trim() === option);
  return byDefault ? !has("close") : has("keep-alive") && !has("close");
}

const readExpect = (expect: string): "continue" | "unknown" =>
  /(?:^|\W)100-continue(?:$|\W)/i.test(expect) ? "continue" : "unknown";
