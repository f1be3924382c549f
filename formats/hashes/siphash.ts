/**
 * Strings → SipHash-2-4 of their UTF-8 bytes under the key `0123456789123456`, which is pandas' hash of a string before its last mix.
 * 64-bit words are pairs of int32, not BigInt, and the state is in local variables, because every string of a request is hashed.
 */
const encoder = new TextEncoder();
let bytes = new Uint8Array(1024);
let words = new Int32Array(bytes.buffer);
/** Units of a text up to which a loop is faster than a call of the encoder. */
const SHORT = 32;

// The initial state, key mixed in: k0 = "01234567", k1 = "89123456" as little-endian words.
const K0_LOW = 0x33323130;
const K0_HIGH = 0x37363534;
const K1_LOW = 0x32313938;
const K1_HIGH = 0x36353433;

/** Writes the hash of `text` to `out[at]` (low word) and `out[at + 1]`. Linear in the text. */
export function siphash(text: string, out: Int32Array, at: number): void {
  const length = encode(text);
  const blocks = (length >>> 3) + 1;
  let v0 = K0_LOW ^ 0x70736575;
  let v0High = K0_HIGH ^ 0x736f6d65;
  let v1 = K1_LOW ^ 0x6e646f6d;
  let v1High = K1_HIGH ^ 0x646f7261;
  let v2 = K0_LOW ^ 0x6e657261;
  let v2High = K0_HIGH ^ 0x6c796765;
  let v3 = K1_LOW ^ 0x79746573;
  let v3High = K1_HIGH ^ 0x74656462;
  // Two rounds for each block, and four at the end.
  for (let block = 0; block <= blocks; block++) {
    const isEnd = block === blocks;
    const low = isEnd ? 0 : words[2 * block]!;
    const high = isEnd ? 0 : words[2 * block + 1]!;
    v3 ^= low;
    v3High ^= high;
    if (isEnd) v2 ^= 0xff;
    for (let round = isEnd ? 4 : 2; round > 0; round--) {
      v0High = (v0High + v1High + carry(v0, v1)) | 0;
      v0 = (v0 + v1) | 0;
      v2High = (v2High + v3High + carry(v2, v3)) | 0;
      v2 = (v2 + v3) | 0;
      const turned1 = ((v1 << 13) | (v1High >>> 19)) ^ v0;
      v1High = ((v1High << 13) | (v1 >>> 19)) ^ v0High;
      v1 = turned1;
      const turned3 = ((v3 << 16) | (v3High >>> 16)) ^ v2;
      v3High = ((v3High << 16) | (v3 >>> 16)) ^ v2High;
      v3 = turned3;
      // v0 is turned by 32 bits: its words change places.
      const sum0 = (v0High + v3) | 0;
      const sum0High = (v0 + v3High + carry(v0High, v3)) | 0;
      v2High = (v2High + v1High + carry(v2, v1)) | 0;
      v2 = (v2 + v1) | 0;
      v0 = sum0;
      v0High = sum0High;
      const again3 = ((v3 << 21) | (v3High >>> 11)) ^ v0;
      v3High = ((v3High << 21) | (v3 >>> 11)) ^ v0High;
      v3 = again3;
      const again1 = ((v1 << 17) | (v1High >>> 15)) ^ v2;
      v1High = ((v1High << 17) | (v1 >>> 15)) ^ v2High;
      v1 = again1;
      const low2 = v2;
      v2 = v2High;
      v2High = low2;
    }
    v0 ^= low;
    v0High ^= high;
  }
  out[at] = v0 ^ v1 ^ v2 ^ v3;
  out[at + 1] = v0High ^ v1High ^ v2High ^ v3High;
}

/** Carry of the sum of two low words to the high ones. */
const carry = (a: number, b: number): 0 | 1 => ((a + b) >>> 0 < a >>> 0 ? 1 : 0);

/** Writes the bytes of `text`, zeros up to the end of its last block, and its length modulo 256 there. @returns its bytes */
function encode(text: string): number {
  const most = text.length * 3 + 8;
  if (most > bytes.length) {
    bytes = new Uint8Array(Math.ceil(most / 4) * 8);
    words = new Int32Array(bytes.buffer);
  }
  const length = writeShort(text) ?? encoder.encodeInto(text, bytes).written;
  const end = length | 7;
  bytes.fill(0, length, end);
  bytes[end] = length;
  return length;
}

/** @returns its length; undefined for a long text, or one that is not ASCII */
function writeShort(text: string): number | undefined {
  const { length } = text;
  if (length > SHORT) return undefined;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return undefined;
    bytes[i] = code;
  }
  return length;
}
