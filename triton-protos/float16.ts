/**
 * 16-bit floats ↔ 32-bit ones. Widening is exact; narrowing rounds to the nearest, ties to even, as NumPy does.
 */
const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Every half there is: 256 KiB, made when the first is read. */
let halves: Float32Array | undefined;

function allHalves(): Float32Array {
  const table = new Float32Array(2 ** 16);
  for (let bits = 0; bits < 2 ** 16; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    table[bits] =
      exponent === 31
        ? fraction
          ? Number.NaN
          : sign * Number.POSITIVE_INFINITY
        : exponent
          ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
          : sign * 2 ** -24 * fraction;
  }
  return table;
}

export function fromHalves(bits: Uint16Array): Float32Array {
  halves ??= allHalves();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = halves[bits[i]!]!;
  return out;
}

export function fromBfloats(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
  return new Float32Array(wide.buffer);
}

export function toHalves(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = toHalf(values[i]!);
  return out;
}

export function toBfloats(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    f32[0] = value;
    const bits = u32[0]!;
    // A NaN must not round to infinity.
    out[i] = Number.isNaN(value) ? (bits >>> 16) | 64 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return out;
}

function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size < 2 ** -14) return sign | roundEven(size * 2 ** 24);
  if (size >= 65520) return sign | 0x7c00;
  let exponent = Math.floor(Math.log2(size));
  if (2 ** exponent > size) exponent--;
  else if (2 ** (exponent + 1) <= size) exponent++;
  // A fraction that rounds up to 1024 carries into the exponent, as it should.
  return sign | (((exponent + 15) << 10) + roundEven((size / 2 ** exponent - 1) * 1024));
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
