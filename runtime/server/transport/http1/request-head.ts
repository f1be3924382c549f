/**
 * The head of a request: request line and fields → its target, the framing of its body, and connection reuse (RFC 9112 §3, §6, §9.3).
 * Ambiguous framing is refused: a length beside chunks, two lengths, codings after `chunked`, chunks in HTTP/1.0. So is a request that
 * could be for two hosts.
 */
import { refuse } from "./fault.js";
import { type Field, type Headers, joinFields, listItems, readField } from "./fields.js";

export interface RequestHead {
  readonly method: string;
  /** As it was written: a path, `*`, or a whole URL. */
  readonly target: string;
  /** The minor version of HTTP/1: 0 or 1. */
  readonly minor: number;
  readonly headers: Headers;
  readonly fields: readonly Field[];
  /** The end of the body: after this number of bytes, or by a last chunk. */
  readonly body: number | "chunked";
  readonly keepsAlive: boolean;
  /** The response that the client waits for before it sends the body. */
  readonly expects: "continue" | "unknown" | undefined;
}

const METHODS = new Set([
  ...["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND"],
  ...["PROPPATCH", "SEARCH", "UNLOCK", "BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE"],
  ...["M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PURGE", "MKCALENDAR", "LINK", "UNLINK", "SOURCE"],
]);
/** Origin form, absolute form with a host, or `*` (RFC 9112 §3.2). */
const REQUEST_LINE = /^([A-Z-]+) (\/[\x21-\x7e]*|\*|[A-Za-z]+:\/\/[A-Za-z0-9[][\x21-\x7e]*) HTTP\/1\.([01])$/;
/** A name or an IPv4 address, or an IPv6 address in brackets, and a port (RFC 3986 §3.2). */
const HOST = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$/;
/** A length of more is none of 64 bits. */
const MAX_LENGTH = 2n ** 64n;

/**
 * @param text everything before the empty line, one character per byte
 * @throws BadRequest
 */
export function readHead(text: string, maxFields: number): RequestHead {
  const lineEnd = text.indexOf("\r\n");
  const [, method, target, minor] = REQUEST_LINE.exec(lineEnd < 0 ? text : text.slice(0, lineEnd)) ?? [];
  if (method === undefined || !METHODS.has(method)) refuse("this is not a request line of HTTP/1.0 or 1.1");
  checkTarget(method!, target!);
  const fields: Field[] = [];
  for (let at = lineEnd < 0 ? text.length : lineEnd + 2; at < text.length; ) {
    const found = text.indexOf("\r\n", at);
    const end = found < 0 ? text.length : found;
    if (fields.length === maxFields) refuse(`more than ${maxFields} headers`);
    fields.push(readField(text.slice(at, end)));
    at = end + 2;
  }
  const headers = joinFields(fields);
  checkHost(headers.host, fields, minor === "1");
  return {
    method: method!,
    target: target!,
    minor: Number(minor),
    headers,
    fields,
    body: readFraming(headers, fields, minor === "1"),
    keepsAlive: keepsAlive(headers.connection, minor === "1"),
    expects: minor === "1" && headers.expect !== undefined ? readExpect(headers.expect) : undefined,
  };
}

/** @throws BadRequest for `*` of another method than OPTIONS, and for a URL whose host is none (RFC 9112 §3.2) */
function checkTarget(method: string, target: string): void {
  if (target.startsWith("/")) return;
  if (target === "*" ? method !== "OPTIONS" : !HOST.test(/:\/\/([^/?#]*)/.exec(target)![1]!))
    refuse("a request target that is neither a path nor a URL with a host");
}

/** @throws BadRequest for a host that is missing (HTTP/1.1), given twice or none (RFC 9112 §3.2) */
function checkHost(host: string | undefined, fields: readonly Field[], isNeeded: boolean): void {
  if (host === undefined) {
    if (isNeeded) refuse("a request without a host");
    return;
  }
  if (countOf(fields, "host") > 1) refuse("more than one host");
  if (!HOST.test(host)) refuse("a host that is neither a name nor an address");
}

function readFraming(headers: Headers, fields: readonly Field[], mayBeChunked: boolean): number | "chunked" {
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined) {
    if (length !== undefined) refuse("a content-length beside a transfer-encoding");
    if (!mayBeChunked) refuse("a transfer-encoding in HTTP/1.0");
    const codings = listItems(coding);
    if (codings.indexOf("chunked") !== codings.length - 1)
      refuse("a transfer-encoding that does not end in one 'chunked'");
    return "chunked";
  }
  if (length === undefined) return 0;
  if (!/^[0-9]+$/.test(length) || (length.length > 15 && BigInt(length) >= MAX_LENGTH))
    refuse("a content-length that is no number of bytes");
  if (countOf(fields, "content-length") > 1) refuse("more than one content-length");
  return Number(length);
}

/** How many fields have a name. @param name in small letters */
function countOf(fields: readonly Field[], name: string): number {
  let count = 0;
  for (const [written] of fields) if (written.length === name.length && written.toLowerCase() === name) count++;
  return count;
}

function keepsAlive(connection: string | undefined, byDefault: boolean): boolean {
  if (connection === undefined) return byDefault;
  const options = listItems(connection);
  return byDefault ? !options.includes("close") : options.includes("keep-alive") && !options.includes("close");
}

const readExpect = (expect: string): "continue" | "unknown" =>
  /(?:^|\W)100-continue(?:$|\W)/i.test(expect) ? "continue" : "unknown";
