/** SipHash-2-4 in pairs of int32 words, beside the same algorithm in whole numbers. Hashes of pandas are compared where columns are hashed. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { siphash } from "#formats/hashes/siphash.js";

const WORD = 2n ** 64n - 1n;
const KEY = new DataView(new TextEncoder().encode("0123456789123456").buffer);

/** SipHash-2-4, as its paper writes it. */
function reference(message: Uint8Array): bigint {
  const rotate = (x: bigint, bits: bigint): bigint => ((x << bits) | (x >> (64n - bits))) & WORD;
  const [k0, k1] = [KEY.getBigUint64(0, true), KEY.getBigUint64(8, true)];
  let [v0, v1] = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn];
  let [v2, v3] = [k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) & WORD;
      v1 = rotate(v1, 13n) ^ v0;
      v0 = rotate(v0, 32n);
      v2 = (v2 + v3) & WORD;
      v3 = rotate(v3, 16n) ^ v2;
      v0 = (v0 + v3) & WORD;
      v3 = rotate(v3, 21n) ^ v0;
      v2 = (v2 + v1) & WORD;
      v1 = rotate(v1, 17n) ^ v2;
      v2 = rotate(v2, 32n);
    }
  };
  const padded = new Uint8Array((message.length + 8) & ~7);
  padded.set(message);
  padded[padded.length - 1] = message.length;
  for (let at = 0; at < padded.length; at += 8) {
    const word = new DataView(padded.buffer).getBigUint64(at, true);
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  v2 ^= 0xffn;
  rounds(4);
  return v0 ^ v1 ^ v2 ^ v3;
}

function hashed(text: string): bigint {
  const words = new Int32Array(4);
  siphash(text, words, 2);
  return new BigUint64Array(words.buffer)[1]!;
}

test("the reference has the test vector of SipHash's authors, but for the key", () => {
  // The paper has the hash of 15 bytes, 00 01 … 0e, for the key 00 01 … 0f.
  const key = Uint8Array.from({ length: 16 }, (_, i) => i);
  const own = new Uint8Array(KEY.buffer).slice();
  new Uint8Array(KEY.buffer).set(key);
  try {
    expect(reference(key.subarray(0, 15))).toBe(0xa129ca6149be45e5n);
  } finally {
    new Uint8Array(KEY.buffer).set(own);
  }
});

test("texts of any length and any characters have the reference's hash", () => {
  const texts = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({ unit: fc.constantFrom("a", "é", "\uD800", "\uDC00", "\0"), maxLength: 40 }),
    fc.string({ minLength: 250, maxLength: 1500 }),
  );
  fc.assert(
    fc.property(texts, text => {
      expect(hashed(text)).toBe(reference(new TextEncoder().encode(text)));
    }),
    { numRuns: 500, examples: [[""], ["a".repeat(7)], ["a".repeat(8)], ["a".repeat(32)], ["a".repeat(33)], ["é"]] },
  );
});

test("a text that is longer than all before it leaves nothing behind", () => {
  hashed("x".repeat(5000));
  for (let length = 0; length < 20; length++)
    expect(hashed("y".repeat(length))).toBe(reference(new TextEncoder().encode("y".repeat(length))));
});
