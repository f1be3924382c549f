/**
 * MurmurHash3 of 32 bits (Austin Appleby's `MurmurHash3_x86_32`). Feast names the fields of its Redis hashes with it (seed 0), and our
 * Bloom filters hash ids with it.
 */
export function murmur3(bytes: Uint8Array, seed = 0): number {
  const mix = (k: number): number => {
    const spread = Math.imul(k, 0xcc9e2d51);
    return Math.imul((spread << 15) | (spread >>> 17), 0x1b873593);
  };
  const whole = bytes.length & ~3;
  let h = seed;
  for (let i = 0; i < whole; i += 4) {
    h ^= mix(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = bytes.length - 1; i >= whole; i--) tail = (tail << 8) | bytes[i]!;
  h ^= mix(tail);
  h ^= bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
