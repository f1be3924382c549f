/**
 * HPACK against the Python package `hpack`: its encodings are decoded, and RFC 7541's errors are errors.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ConnectionFault } from "#runtime/server/transport/http2/errors.js";
import { HpackDecoder } from "#runtime/server/transport/http2/hpack-decode.js";
import { encodeFields } from "#runtime/server/transport/http2/hpack-encode.js";
import { decodeHuffman } from "#runtime/server/transport/http2/huffman.js";
import { STATIC_TABLE } from "#runtime/server/transport/http2/static-table.js";

type Fields = [string, string][];
const oracle: {
  static: Fields;
  huffman: Fields;
  connections: { hex: string; fields: Fields }[][];
} = JSON.parse(readFileSync(new URL("../../../../fixtures/http2/hpack.json", import.meta.url), "utf8"));

const WIDE = { bytes: 2 ** 20, fields: 1000 };
const decode = (hex: string, decoder = new HpackDecoder(), limits = WIDE) =>
  decoder.decode(Buffer.from(hex.replaceAll(" ", ""), "hex"), limits);

test("the static table and every byte's Huffman code are the original's", () => {
  expect(STATIC_TABLE).toEqual(oracle.static);
  for (const [plain, packed] of oracle.huffman) {
    const bytes = Buffer.from(packed, "hex");
    expect(decodeHuffman(bytes, 0, bytes.length)).toBe(Buffer.from(plain, "hex").toString("latin1"));
  }
});

test("blocks of whole connections are decoded, with tables that change their size", () => {
  for (const blocks of oracle.connections) {
    const decoder = new HpackDecoder();
    for (const { hex, fields } of blocks) expect(decode(hex, decoder)).toEqual(fields);
  }
});

test("the generation stays while blocks leave the table alone", () => {
  const decoder = new HpackDecoder();
  decode("82 86 84", decoder);
  const before = decoder.generation;
  decode("82 04 01 61", decoder);
  expect(decoder.generation).toBe(before);
  decode("44 01 61", decoder);
  expect(decoder.generation).not.toBe(before);
  const added = decoder.generation;
  decode("20", decoder);
  expect(decoder.generation).not.toBe(added);
});

test("our blocks are decoded, by a decoder with a disabled table too", () => {
  const name = fc.stringMatching(/^[a-z0-9-]{1,40}$/);
  const value = fc.stringMatching(/^[\x20-\x7e\xa0-\xff]{0,400}$/);
  const known = fc.constantFrom(...STATIC_TABLE.map(field => [...field] as [string, string]));
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.tuple(name, value), known), { maxLength: 20 }), fields => {
      expect(new HpackDecoder().decode(encodeFields(fields), WIDE)).toEqual(fields);
      expect(decode(`20 ${encodeFields(fields).toString("hex")}`)).toEqual(fields);
    }),
  );
  expect(encodeFields([[":status", "200"]])).toEqual(Buffer.from([0x88]));
});

test.each([
  ["index 0", "80"],
  ["an index beyond both tables", "be"],
  ["an index beyond any table", "ff ff ff ff 0f"],
  ["an integer without an end", "ff ff ff ff ff ff ff ff ff ff"],
  ["an integer that is cut", "ff"],
  ["a name from nowhere", "7f 00 01 61"],
  ["a text that is cut", "40 05 61 62"],
  ["a field without a value", "40 01 61"],
  ["a text of a length that no block has", "40 7f ff ff 7f"],
  ["a table larger than was announced", "3f e2 1f"],
  ["a size in the middle of a block", "82 20"],
  ["an end mark within Huffman", "40 01 61 84 ff ff ff ff"],
  ["a padding of a whole byte", "40 01 61 82 1f ff"],
  ["a padding of zeros", "40 01 61 81 18"],
])("%s is a compression error", (_, hex) => {
  expect(() => decode(hex)).toThrow(ConnectionFault);
  expect(() => decode(hex)).toThrow(expect.objectContaining({ code: "COMPRESSION_ERROR" }));
});

test("lists over the limits are dropped, and the table is kept in step", () => {
  const decoder = new HpackDecoder();
  const long = `40 01 61 7f 81 03 ${"78".repeat(512)}`;
  expect(decode(long, decoder, { bytes: 400, fields: 10 })).toBeUndefined();
  expect(decode("be", decoder)).toEqual([["a", "x".repeat(512)]]);
  expect(decode("82 82 82", decoder, { bytes: 1000, fields: 2 })).toBeUndefined();
  expect(decode("82 82", decoder, { bytes: 84, fields: 2 })).toHaveLength(2);
});

test("an entry larger than the table empties it", () => {
  const decoder = new HpackDecoder();
  decode("40 01 61 01 62", decoder);
  expect(decode("be", decoder)).toEqual([["a", "b"]]);
  decode(`40 01 61 7f 81 27 ${"78".repeat(5120)}`, decoder);
  expect(() => decode("be", decoder)).toThrow("index 62 names no field");
});

test("any bytes are fields or a compression error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        new HpackDecoder().decode(Buffer.from(bytes), { bytes: 16384, fields: 128 });
      } catch (error) {
        expect(error).toMatchObject({ name: "ConnectionFault", code: "COMPRESSION_ERROR" });
      }
    }),
    { numRuns: 2000 },
  );
});
