/** The index of packed texts, as a Map would answer: any text, with NUL and beyond ASCII, and lone surrogates, which no vocabulary has. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { indexTexts } from "#runtime/base/columns/text-index.js";
import { ownTable } from "#runtime/base/shared/shared-table.js";

function pack(texts: readonly string[]) {
  const bytes = texts.map(text => Buffer.from(text));
  const offsets = new Int32Array(texts.length + 1);
  for (const [i, text] of bytes.entries()) offsets[i + 1] = offsets[i]! + text.length;
  return { offsets, bytes: new Uint8Array(Buffer.concat(bytes)) };
}

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({ unit: fc.constantFrom("a", "b", "\0", "é", "日", "\u{1f363}", "\ufffd"), maxLength: 4 }),
);
const sought = fc.oneof(text, fc.constantFrom("\ud800", "a\udc00", "\ufffd", ""));

test("finds what a Map finds", () => {
  fc.assert(
    fc.property(fc.uniqueArray(text, { maxLength: 60 }), fc.array(sought, { maxLength: 30 }), (known, others) => {
      const map = new Map(known.map((value, i) => [value, i]));
      const asked = [...others, ...known];
      const found = indexTexts(pack(known), ownTable)(asked);
      expect([...found]).toEqual(asked.map(value => map.get(value) ?? -1));
    }),
    { numRuns: 500 },
  );
});

test("texts that begin elsewhere than at 0, as in a slice of a file", () => {
  const { offsets, bytes } = pack(["skipped", "a", "", "bc"]);
  expect([...indexTexts({ offsets: offsets.subarray(1), bytes }, ownTable)(["a", "bc", "", "skipped"])]).toEqual([
    0, 2, 1, -1,
  ]);
});
