/**
 * Mutations from a seed: bytes and JSON-like values that are almost what they were. One seed makes one sequence on every machine.
 */

/** xorshift32: a number in [0, 1) a call. */
export function randomFrom(seed) {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  const below = n => Math.floor(next() * n);
  return { next, below, pick: list => list[below(list.length)] };
}

const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x5b, 0x7b, 0x2d, 0x25, 0x2f];

/** A few changes at random places. */
export function mutateBytes(bytes, random) {
  let out = Buffer.from(bytes);
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(out.length + 1);
    const length = Math.min(out.length - at, 1 + random.below(16));
    const part = out.subarray(at, at + length);
    const [before, after] = [out.subarray(0, at), out.subarray(at + length)];
    const change = random.below(6);
    if (change === 0 && at < out.length) out[at] ^= 1 << random.below(8);
    else if (change === 1 && at < out.length) out[at] = random.pick(BYTES);
    else if (change === 2) out = Buffer.concat([before, after]);
    else if (change === 3) out = Buffer.concat([before, part, part, after]);
    else if (change === 4)
      out = Buffer.concat([
        before,
        Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256))),
        out.subarray(at),
      ]);
    else if (random.below(4) === 0) out = Buffer.from(before);
  }
  return out;
}

const nested = depth => {
  let value = [];
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { a: value };
  return value;
};
/** Made anew each time, since mutations go on inside them. */
const VALUES = [
  () => null,
  () => true,
  () => 0,
  () => -1,
  () => 1.5,
  () => 2 ** 31,
  () => 2 ** 32,
  () => 2 ** 53,
  () => -(2 ** 63),
  () => 1e308,
  () => "",
  () => "x",
  () => "9223372036854775808",
  () => "../../etc/passwd",
  () => "\u0000\r\n\u2028\ud800",
  () => "x".repeat(5000),
  () => [],
  () => ({}),
  () => [[[]]],
  () => nested(200),
  () => Array.from({ length: 500 }, (_, i) => i),
  () => ({ __proto__: null, constructor: 1 }),
];

/** Changes one place of a value: replaces, removes, repeats or renames it. */
export function mutateValue(root, random) {
  const copy = structuredClone(root);
  const places = [];
  const walk = value => {
    if (typeof value !== "object" || value === null) return;
    for (const key of Object.keys(value)) {
      places.push([value, key]);
      if (places.length < 2000) walk(value[key]);
    }
  };
  walk(copy);
  if (places.length === 0) return random.pick(VALUES)();
  for (let n = 1 + random.below(2); n > 0; n--) {
    const [holder, key] = random.pick(places);
    const change = random.below(6);
    if (change <= 2) holder[key] = random.pick(VALUES)();
    else if (change === 3) Array.isArray(holder) ? holder.splice(Number(key), 1) : delete holder[key];
    else if (change === 4)
      Array.isArray(holder) ? holder.push(holder[key]) : Object.assign(holder, { [`${key}x`]: holder[key] });
    else holder[key] = [holder[key]];
  }
  return copy;
}
