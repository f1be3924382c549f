/**
 * A request's header fields → the request, after validation (RFC 9113 §8.2 and §8.3).
 */
import type { Field } from "./static-table.js";

export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** All fields by name, pseudo-header fields too; repeated ones are joined as node:http2 joins them. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The value of `content-length`. */
  readonly length: number | undefined;
}

const PSEUDO = new Set([":method", ":scheme", ":path", ":authority"]);
/** Fields of connections, for which HTTP/2 has frames. */
const OF_CONNECTIONS = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);
/** For these the first counts. */
const SINGLE = new Set(
  "age authorization content-length content-type date etag expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards proxy-authorization range referer retry-after te user-agent".split(
    " ",
  ),
);
/** A token in lower case (RFC 9110 §5.6.2). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Nothing that could end a line. Blanks at the ends stay, against the letter of RFC 9113: gRPC's clients send them, and Triton takes them. */
const VALUE = /^[^\0\r\n]*$/;

/** @returns what is wrong with them, or what they say */
export function readHead(fields: readonly Field[]): RequestHead | string {
  const headers: Record<string, string> = Object.create(null);
  let regular = false;
  for (const [name, value] of fields) {
    if (name.startsWith(":")) {
      if (regular) return `${name} after a header field`;
      if (!PSEUDO.has(name)) return `${name} is not a pseudo-header field of a request`;
      if (headers[name] !== undefined) return `${name} stands twice`;
      if (!VALUE.test(value)) return `${name} has characters that no header may have`;
      headers[name] = value;
      continue;
    }
    regular = true;
    const fault = faultOf(name, value);
    if (fault) return fault;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (!SINGLE.has(name)) headers[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
    else if (name === "content-length" && value !== before) return "two content-lengths";
  }
  const { ":method": method, ":scheme": scheme, ":path": path, "content-length": promised } = headers;
  if (method === undefined || method === "") return "no :method";
  if (method === "CONNECT") return "CONNECT is not served";
  if (scheme === undefined) return "no :scheme";
  if (path === undefined || path === "") return "no :path";
  if (promised !== undefined && !/^\d{1,15}$/.test(promised)) return "content-length is no length";
  return { method, path, headers, length: promised === undefined ? undefined : Number(promised) };
}

/** @returns what is wrong with the fields that follow a request's body */
export function trailersFault(fields: readonly Field[]): string | undefined {
  for (const [name, value] of fields) {
    const fault = name.startsWith(":") ? `${name} in trailers` : faultOf(name, value);
    if (fault) return fault;
  }
  return undefined;
}

function faultOf(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return "a header's name has characters that no name may have";
  if (!VALUE.test(value)) return `${name} has characters that no header may have`;
  if (OF_CONNECTIONS.has(name)) return `${name} is of connections`;
  return name === "te" && value !== "trailers" ? "te may only be trailers" : undefined;
}
