/**
 * Numbers ↔ the bits of FP16 and BF16, rounded to nearest, ties to even.
 */
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

export function toBfloat16(value: number): number {
  float[0] = value;
  if (Number.isNaN(value)) return 0x7fc0;
  const word = bits[0]!;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

export function fromBfloat16(half: number): number {
  bits[0] = half << 16;
  return float[0]!;
}

export function toFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  // Below 2^-14 numbers are multiples of 2^-24; above, each power of two has 1024 of them.
  const exponent = size < 2 ** -14 ? -14 : Math.floor(Math.log2(size));
  const steps = roundEven(size / 2 ** (exponent - 10));
  return size < 2 ** -14 ? sign | steps : sign | (((exponent + 15) << 10) + steps - 1024);
}

export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const rest = half & 1023;
  if (exponent === 31) return rest ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * rest * 2 ** -24 : sign * (1024 + rest) * 2 ** (exponent - 25);
}

const roundEven = (value: number): number => {
  const down = Math.floor(value);
  const over = value - down;
  return over > 0.5 || (over === 0.5 && down % 2 === 1) ? down + 1 : down;
};
