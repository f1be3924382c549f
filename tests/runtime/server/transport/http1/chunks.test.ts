/**
 * Chunked bodies: their bytes, what is refused, and that neither depends on where the bytes are cut.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ChunkReader } from "#runtime/server/transport/http1/chunk-reader.js";

const MAX = 1000;

/** @param cuts lengths of the pieces, over and over @returns the body and what was left; undefined while it is not whole */
function read(text: string, cuts: readonly number[] = [text.length]): { body: string; rest: string } | undefined {
  const reader = new ChunkReader(MAX);
  let body = "";
  for (let at = 0, i = 0; at < text.length; i++) {
    const piece = Buffer.from(text.slice(at, at + cuts[i % cuts.length]!), "latin1");
    const end = reader.read(piece, 0, (bytes, from, to) => {
      body += bytes.toString("latin1", from, to);
    });
    at += end;
    if (reader.done) return { body, rest: text.slice(at) };
  }
  return undefined;
}

test.each([
  ["3\r\nabc\r\n0\r\n\r\n", "abc"],
  ["3;a=b;c\r\nabc\r\n00\r\n\r\n", "abc"],
  ["A\r\n0123456789\r\n1\r\n\n\r\n0\r\n\r\n", "0123456789\n"],
  ["0\r\n\r\n", ""],
  ["1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n", "a"],
  ["00000000000000000003\r\nabc\r\n0\r\n\r\n", "abc"],
])("%j holds %j, wherever it is cut", (text, body) => {
  expect(read(`${text}GET`)).toEqual({ body, rest: "GET" });
  for (let at = 1; at < text.length; at++) expect(read(text, [at, text.length])).toEqual({ body, rest: "" });
  expect(read(text, [1])).toEqual({ body, rest: "" });
  for (let at = 0; at < text.length; at++) expect(read(text.slice(0, at))).toBeUndefined();
});

test.each([
  ...[
    "\r\n",
    "x\r\n",
    "0x3\r\n",
    "-3\r\n",
    "+3\r\n",
    " 3\r\n",
    "3 \r\n",
    "3\n",
    "3\r\r\n",
    ";a\r\n",
    "fffffffffffffffff\r\n",
  ],
  ...[
    "3\r\nabc0\r\n",
    "3\r\nabcd\r\n",
    "3\r\nabc\n",
    "3\r\nabc\r\r",
    "3;\x01\r\n",
    "3;a\n",
    "0\r\nX\r\n",
    "0\r\nX: y\n",
    "0\r\n X: y\r\n",
  ],
  ...["0\r\nContent-Length: 3\r\n", "0\r\ntransfer-encoding: x\r\n", `${"0".repeat(33)}\r\n`],
  `1;${"x".repeat(MAX + 1)}`,
  `0\r\nX: ${"x".repeat(MAX)}`,
  `${"1;xxxxxxxx\r\na\r\n".repeat(200)}`,
])("%j is refused, wherever it is cut", text => {
  const fault = expect.objectContaining({ name: "BadRequest" });
  expect(() => read(text)).toThrow(fault);
  expect(() => read(text, [1])).toThrow(fault);
});

test("any body in any chunks, cut anywhere", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 40 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
      (parts, cuts) => {
        const chunks = parts.map(part => `${part.length.toString(16)}\r\n${part}\r\n`);
        expect(read(`${chunks.join("")}0\r\n\r\nrest`, cuts)?.body).toBe(parts.join(""));
      },
    ),
  );
});
