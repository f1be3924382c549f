/** Damaged FAISS files from whole ones: every field that the structure's reader reads, and any byte. Equal seeds give equal files. */
import { bytesSource } from "../../../dist/formats/bytes/byte-source.js";
import { readFaissLayout } from "../../../dist/formats/faiss/faiss-layout.js";

const INTS = [0, 1, -1, 2, 3, 7, 8, 16, 24, 31, 255, 65_535, 65_536, 1_000_000, 299, 300, 301, 0x7fffffff, -0x80000000];
const LONGS = [
  0n,
  1n,
  2n,
  3n,
  4n,
  8n,
  12n,
  16n,
  24n,
  299n,
  300n,
  301n,
  -1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 33n,
  2n ** 40n,
  2n ** 62n,
];
const FLOATS = [0, -0, 1, -1, 1e-45, 1e-38, 1e38, 3.4e38, Infinity, -Infinity, NaN, 256, 1e9];

/** A random number below its argument; repeats for a seed. */
export function draw(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Runs of bytes that the reader reads: the fields of the file, and arrays. */
export function fieldsOf(bytes) {
  const whole = bytesSource(bytes);
  const fields = [];
  const read = (offset, length) => {
    if (length > 0) fields.push({ offset, length });
    return whole.read(offset, length);
  };
  readFaissLayout({ size: whole.size, read }, "the original");
  return fields;
}

export function damage(original, fields, random) {
  const bytes = Buffer.from(original);
  for (let edit = random(3); edit >= 0; edit--)
    if (random(4) === 0) damageByte(bytes, random);
    else damageField(bytes, fields[random(fields.length)], random);
  return bytes;
}

function damageByte(bytes, random) {
  const at = random(bytes.length);
  if (random(2) === 0) bytes[at] = random(256);
  else bytes[at] ^= 1 << random(8);
}

function damageField(bytes, { offset, length }, random) {
  const width = length % 8 === 0 ? [8, 8, 4][random(3)] : length % 4 === 0 ? 4 : 1;
  const at = offset + width * random(length / width);
  const other = offset + width * random(length / width);
  switch (random(6)) {
    case 0:
      // Two elements of an array change places: sizes, links and offsets stay in range.
      for (let i = 0; i < width; i++) [bytes[at + i], bytes[other + i]] = [bytes[other + i], bytes[at + i]];
      return;
    case 1:
      bytes[at + random(width)] ^= 1 << random(8);
      return;
    case 2:
      // A little more or less.
      if (width === 8) bytes.writeBigInt64LE(BigInt.asIntN(64, bytes.readBigInt64LE(at) + BigInt(random(9) - 4)), at);
      else if (width === 4) bytes.writeInt32LE((bytes.readInt32LE(at) + random(9) - 4) | 0, at);
      else bytes[at] = (bytes[at] + random(9) - 4) & 255;
      return;
    case 3:
      if (width === 1) bytes[at] = random(256);
      else bytes.writeFloatLE(FLOATS[random(FLOATS.length)], at);
      return;
    default:
      if (width === 8) bytes.writeBigInt64LE(LONGS[random(LONGS.length)], at);
      else if (width === 4) bytes.writeInt32LE(INTS[random(INTS.length)], at);
      else bytes[at] = random(256);
  }
}
