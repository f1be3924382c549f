/**
 * A Bloom filter as bytes: 4 bytes "MBF1", 1 byte k (the number of positions of an id), 3 bytes 0. Then follow m bits, in whole groups of
 * 64, bit p being bit p & 7 of byte p >> 3. Place i of an id is (a + i · b mod 2³²) mod m. Here a and b are its MurmurHash3 (x86, 32 bits)
 * of seeds 0 and 1, b made odd. Integers hash as 8 bytes, little-endian, texts as UTF-8. As text the filter is base64, as list<int64> it is
 * word by word.
 */
export const BLOOM_HEADER = 8;
const MAGIC = [0x4d, 0x42, 0x46, 0x31];
const MAX_PLACES = 64;

export interface BloomFilter {
  readonly places: number;
  readonly bits: Uint8Array;
}

/** Sizes for a number of ids at a rate of false positives: m = −n ln p / (ln 2)², k = m / n · ln 2. */
export function bloomSize(ids: number, rate: number): { readonly bytes: number; readonly places: number } {
  const wanted = (-Math.max(1, ids) * Math.log(rate)) / Math.LN2 ** 2;
  const bits = Math.ceil(wanted / 64) * 64;
  const places = Math.max(1, Math.min(MAX_PLACES, Math.round((wanted / Math.max(1, ids)) * Math.LN2)));
  return { bytes: BLOOM_HEADER + bits / 8, places };
}

/** An empty filter. @returns its bytes, and the filter as a view of them */
export function emptyBloom(ids: number, rate: number): { readonly bytes: Uint8Array; readonly filter: BloomFilter } {
  const { bytes: size, places } = bloomSize(ids, rate);
  const bytes = new Uint8Array(size);
  bytes.set([...MAGIC, places]);
  return { bytes, filter: { places, bits: bytes.subarray(BLOOM_HEADER) } };
}

/** @returns a view of the bytes, or what is wrong with them, in words */
export function readBloom(bytes: Uint8Array): BloomFilter | string {
  if (bytes.length <= BLOOM_HEADER || bytes.length % 8 !== 0 || MAGIC.some((byte, i) => bytes[i] !== byte))
    return `${bytes.length} bytes that are not a Bloom filter`;
  const places = bytes[4]!;
  if (places === 0 || places > MAX_PLACES) return `a Bloom filter of ${places} places an id`;
  return { places, bits: bytes.subarray(BLOOM_HEADER) };
}

/** @param a and @param b the hashes of an id, unsigned; b odd */
export function addToBloom({ places, bits }: BloomFilter, a: number, b: number): void {
  const m = bits.length * 8;
  for (let i = 0, at = a; i < places; i++, at = (at + b) >>> 0) bits[(at % m) >>> 3]! |= 1 << ((at % m) & 7);
}

export function isInBloom({ places, bits }: BloomFilter, a: number, b: number): boolean {
  const m = bits.length * 8;
  for (let i = 0, at = a; i < places; i++, at = (at + b) >>> 0) {
    const place = at % m;
    if ((bits[place >>> 3]! & (1 << (place & 7))) === 0) return false;
  }
  return true;
}
