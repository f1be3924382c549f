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
  if (!TOKEN.test(name)) refuse("a line among the headers is not 'name: value'");
  const value = withoutBlanks(line, colon + 1, line.length);
  if (!VALUE.test(value)) refuse(`header '${name}' holds control characters`);
  return [name, value];
}

const isBlank = (c: number): boolean => c === SPACE || c === TAB;

/** Without HTTP's blanks at both ends, which are space and tab; `trim` takes others too. */
function withoutBlanks(text: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** The items of a list (RFC 9110 §5.6.1), in small letters. */
export const listItems = (value: string): string[] =>
  value.split(",").map(item => withoutBlanks(item, 0, item.length).toLowerCase());

/** For these the first one counts, as in Node; values of others are joined. */
const SINGLE = new Set([
  ...["age", "authorization", "content-length", "content-type", "etag", "expires", "from", "host", "if-modified-since"],
  ...["if-unmodified-since", "last-modified", "location", "max-forwards", "proxy-authorization", "referer"],
  ...["retry-after", "server", "user-agent"],
]);

/** Values by the names in small letters. The record has no prototype, since the client chooses the names of fields. */
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
