// Bloom filters as bytes: their form, their size, and ids that are in them or are not.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addToBloom, BLOOM_HEADER, bloomSize, emptyBloom, isInBloom, readBloom } from "#formats/hashes/bloom.js";

const hashes = fc.tuple(
  fc.nat({ max: 2 ** 32 - 1 }),
  fc.nat({ max: 2 ** 31 - 1 }).map(n => 2 * n + 1),
);

test("every id that was added is in it, and the bits are those of the places", () => {
  fc.assert(
    fc.property(fc.array(hashes, { maxLength: 30 }), fc.constantFrom(0.5, 0.1, 0.001), (ids, rate) => {
      const { bytes, filter } = emptyBloom(ids.length, rate);
      const m = filter.bits.length * 8;
      const places = new Set<number>();
      for (const [a, b] of ids) {
        addToBloom(filter, a, b);
        for (let i = 0n; i < filter.places; i++)
          places.add(Number(BigInt.asUintN(32, BigInt(a) + i * BigInt(b)) % BigInt(m)));
      }
      const set = Array.from({ length: m }, (_, p) => p).filter(p => bytes[BLOOM_HEADER + (p >> 3)]! & (1 << (p & 7)));
      expect(set).toEqual([...places].sort((x, y) => x - y));
      const read = readBloom(bytes);
      if (typeof read === "string") throw new Error(read);
      expect(ids.every(([a, b]) => isInBloom(read, a, b))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("an id with one place that is not set is not in it", () => {
  const filter = { places: 3, bits: new Uint8Array(8) };
  addToBloom(filter, 0, 1);
  expect(filter.bits).toEqual(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0));
  expect([isInBloom(filter, 0, 1), isInBloom(filter, 1, 1), isInBloom(filter, 5, 1)]).toEqual([true, false, false]);
});

describe("a size", () => {
  // m = −n ln p / (ln 2)², k = m / n · ln 2.
  test.each([
    [1000, 0.01, 9600 / 8, 7],
    [1, 0.5, 64 / 8, 1],
    [0, 0.5, 64 / 8, 1],
    [10, 1e-30, 1472 / 8, 64],
    [100, 0.99, 64 / 8, 1],
  ])("for %i ids at a rate of %d", (ids, rate, bytes, places) => {
    expect(bloomSize(ids, rate)).toEqual({ bytes: BLOOM_HEADER + bytes, places });
    expect([...emptyBloom(ids, rate).bytes.subarray(0, BLOOM_HEADER)]).toEqual([
      0x4d,
      0x42,
      0x46,
      0x31,
      places,
      0,
      0,
      0,
    ]);
  });
});

describe("bytes", () => {
  const whole = (length = 16): Uint8Array => {
    const bytes = new Uint8Array(length);
    bytes.set([0x4d, 0x42, 0x46, 0x31, 3]);
    return bytes;
  };
  test("that are a filter are read in place", () => {
    const bytes = whole(24);
    expect(readBloom(bytes)).toEqual({ places: 3, bits: bytes.subarray(8) });
    expect(readBloom(whole().fill(64, 4, 5))).toMatchObject({ places: 64 });
  });
  test("that are not say why", () => {
    const none = (bytes: Uint8Array) =>
      expect(readBloom(bytes)).toBe(`${bytes.length} bytes that are not a Bloom filter`);
    for (const length of [0, 5, 8, 12, 17]) none(length < 5 ? new Uint8Array(length) : whole(length));
    for (const at of [0, 1, 2, 3]) none(whole().fill(0, at, at + 1));
    expect(readBloom(whole().fill(0, 4, 5))).toBe("a Bloom filter of 0 places an id");
    expect(readBloom(whole().fill(65, 4, 5))).toBe("a Bloom filter of 65 places an id");
  });
});
