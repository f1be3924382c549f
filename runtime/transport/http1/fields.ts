/**
 * Header fields (RFC 9110 §5): one line → name and value, in the one spelling that every reader understands alike. No folded lines, no blank before the colon.
 */
import { refuse } from "./fault.js";

/** As it was written. */
export type Field = readonly [name: string, value: string];
export type Headers = Readonly<Record<string, string | undefined>>;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** No control characters but tab. Bytes above 127 pass, as everywhere. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const [TAB, SPACE] = [0x09, 0x20];

/** @param line without its end, one character per byte @throws BadRequest */
export function readField(line: string): Field {
  const colon = line.indexOf(":");
  const name = colon < 0 ? "" : line.slice(0, colon);
  if (!TOKEN.test(name)) refuse("a line among the headers is no 'name: value'");
  let start = colon + 1;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  const value = line.slice(start, end);
  if (!VALUE.test(value)) refuse(`header '${name}' holds control characters`);
  return [name, value];
}

const isBlank = (c: number): boolean => c === SPACE || c === TAB;

/** Of these the first one counts, as in Node; values of others are put together. */
const SINGLE = new Set([
  ...["age", "authorization", "content-length", "content-type", "etag", "expires", "from", "host", "if-modified-since"],
  ...["if-unmodified-since", "last-modified", "location", "max-forwards", "proxy-authorization", "referer"],
  ...["retry-after", "server", "user-agent"],
]);

/** Values by the names in small letters. The record has no prototype: a client may name a field as it likes. */
export function joinFields(fields: readonly Field[]): Headers {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (const [written, value] of fields) {
    const name = written.toLowerCase();
    const known = headers[name];
    if (known === undefined) headers[name] = value;
    else if (!SINGLE.has(name)) headers[name] = `${known}${name === "cookie" ? "; " : ", "}${value}`;
  }
  return headers;
}
