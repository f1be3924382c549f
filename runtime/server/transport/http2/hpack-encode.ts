/**
 * HPACK (RFC 7541) towards the client: fields → a header block that means the same on every connection. No state is kept between blocks, so
 * repeated fields are encoded once for all connections. Their few dozen bytes cost less than a table for each connection.
 */
import { type Field, STATIC_TABLE } from "./static-table.js";

/** Sets the decoder's dynamic table to unused; required by a client that announced a table smaller than the default. */
export const NO_TABLE = Buffer.from([0x20]);

const NAMES = new Map<string, number>();
const FIELDS = new Map<string, number>();
for (const [i, [name, value]] of STATIC_TABLE.entries()) {
  if (!NAMES.has(name)) NAMES.set(name, i + 1);
  FIELDS.set(`${name}\n${value}`, i + 1);
}

/** @param fields names in lower case, pseudo-header fields first; values in Latin-1 */
export function encodeFields(fields: Iterable<Field>): Buffer {
  const out: number[] = [];
  for (const [name, value] of fields) {
    const whole = FIELDS.get(`${name}\n${value}`);
    if (whole !== undefined) putInteger(out, 0x80, 7, whole);
    else {
      const known = NAMES.get(name) ?? 0;
      putInteger(out, 0, 4, known);
      if (known === 0) putText(out, name);
      putText(out, value);
    }
  }
  return Buffer.from(out);
}

function putInteger(out: number[], pattern: number, bits: number, value: number): void {
  const most = (1 << bits) - 1;
  if (value < most) {
    out.push(pattern | value);
    return;
  }
  out.push(pattern | most);
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
}

function putText(out: number[], text: string): void {
  const bytes = Buffer.from(text, "latin1");
  putInteger(out, 0, 7, bytes.length);
  for (const byte of bytes) out.push(byte);
}
