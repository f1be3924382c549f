/**
 * The slot of a cluster that a Redis key belongs to: CRC-16/XMODEM modulo 16384, of the bytes inside the first braces, if any
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags).
 */

const SLOTS = 16384;
const [OPEN, CLOSE] = [0x7b, 0x7d];

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

export function keySlot(key: Uint8Array): number {
  let [start, end] = [0, key.length];
  const open = key.indexOf(OPEN);
  const close = open < 0 ? -1 : key.indexOf(CLOSE, open + 1);
  if (close > open + 1) [start, end] = [open + 1, close];
  let crc = 0;
  for (let i = start; i < end; i++) crc = TABLE[(crc >>> 8) ^ key[i]!]! ^ ((crc << 8) & 0xffff);
  return crc % SLOTS;
}
