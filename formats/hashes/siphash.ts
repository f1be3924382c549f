/**
 * Strings → SipHash-2-4 of their UTF-8 bytes under the key `0123456789123456`, which is pandas' hash of a string before its last mix.
 * 64-bit words are pairs of int32, not BigInt, because every string of a request is hashed.
 */
const encoder = new TextEncoder();
let bytes = new Uint8Array(1024);

// The initial state, key mixed in: k0 = "01234567", k1 = "89123456" as little-endian words.
const K0_LOW = 0x33323130;
const K0_HIGH = 0x37363534;
const K1_LOW = 0x32313938;
const K1_HIGH = 0x36353433;

/** v0 low, v0 high, v1 low, … v3 high. */
const v = new Int32Array(8);

/** Writes the hash of `text` to `out[at]` (low word) and `out[at + 1]`. Linear in the text. */
export function siphash(text: string, out: Int32Array, at: number): void {
  if (text.length * 3 > bytes.length) bytes = new Uint8Array(text.length * 6);
  const { written } = encoder.encodeInto(text, bytes);
  v[0] = K0_LOW ^ 0x70736575;
  v[1] = K0_HIGH ^ 0x736f6d65;
  v[2] = K1_LOW ^ 0x6e646f6d;
  v[3] = K1_HIGH ^ 0x646f7261;
  v[4] = K0_LOW ^ 0x6e657261;
  v[5] = K0_HIGH ^ 0x6c796765;
  v[6] = K1_LOW ^ 0x79746573;
  v[7] = K1_HIGH ^ 0x74656462;
  const whole = written & ~7;
  for (let i = 0; i < whole; i += 8) absorb(word(i, 4), word(i + 4, 4));
  const rest = written - whole;
  absorb(word(whole, Math.min(rest, 4)), word(whole + 4, Math.max(rest - 4, 0)) | (written << 24));
  v[4] = v[4]! ^ 0xff;
  for (let i = 0; i < 4; i++) round();
  out[at] = v[0]! ^ v[2]! ^ v[4]! ^ v[6]!;
  out[at + 1] = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!;
}

/** Little-endian word of `count` bytes, the rest 0. */
function word(start: number, count: number): number {
  let w = 0;
  for (let i = 0; i < count; i++) w |= bytes[start + i]! << (8 * i);
  return w;
}

function absorb(low: number, high: number): void {
  v[6] = v[6]! ^ low;
  v[7] = v[7]! ^ high;
  round();
  round();
  v[0] = v[0]! ^ low;
  v[1] = v[1]! ^ high;
}

function round(): void {
  add(0, 2);
  rotateXor(2, 13, 0);
  swap(0);
  add(4, 6);
  rotateXor(6, 16, 4);
  add(0, 6);
  rotateXor(6, 21, 0);
  add(4, 2);
  rotateXor(2, 17, 4);
  swap(4);
}

/** v[a] += v[b] */
function add(a: number, b: number): void {
  const low = (v[a]! >>> 0) + (v[b]! >>> 0);
  v[a + 1] = v[a + 1]! + v[b + 1]! + (low > 0xffffffff ? 1 : 0);
  v[a] = low;
}

/** v[a] = rotl(v[a], bits) ^ v[b], for bits < 32 */
function rotateXor(a: number, bits: number, b: number): void {
  const low = v[a]!;
  const high = v[a + 1]!;
  v[a] = ((low << bits) | (high >>> (32 - bits))) ^ v[b]!;
  v[a + 1] = ((high << bits) | (low >>> (32 - bits))) ^ v[b + 1]!;
}

/** v[a] = rotl(v[a], 32) */
function swap(a: number): void {
  const low = v[a]!;
  v[a] = v[a + 1]!;
  v[a + 1] = low;
}
