// Texts of protobuf's text form: escapes, strings that are joined, messages in both brackets, and lists.
import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesOf, parseTextMessage, quoteBytes, utf8Of } from "#formats/bytes/text-message.js";

const textOf = (written: string) => utf8Of((parseTextMessage(`x: ${written}`).x as string[])[0]!);

test.each([
  ['"\\n\\r\\t\\a\\b\\f\\v"', "\n\r\t\x07\b\f\v"],
  ['"\\\\ \\" \\\' \\?"', "\\ \" ' ?"],
  ['"\\101\\7\\1012"', "A\x07A2"],
  ['"\\x41\\X4a\\x7"', "AJ\x07"],
  ['"\\303\\251 \\xc3\\xa9 é"', "é é é"],
  [`'a' "b"\n  'c'`, "abc"],
  ['""', ""],
])("%s", (written, text) => {
  expect(textOf(written)).toBe(text);
});

test("bytes are read back as they were quoted", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      const read = (parseTextMessage(`x: "${quoteBytes(bytes).replace(/^"|"$/g, "")}"`).x as string[])[0]!;
      expect(new Uint8Array(bytesOf(read))).toEqual(bytes);
    }),
  );
});
