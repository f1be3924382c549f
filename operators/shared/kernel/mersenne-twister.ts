/**
 * numpy's `RandomState(seed).choice(k, n)`: MT19937 seeded with one word, and draws that are masked and drawn again while they are too large.
 * Source: Matsumoto and Nishimura, "Mersenne Twister", 1998.
 */
const SIZE = 624;
const PERIOD = 397;

/** A function that draws the next 32 bits. */
export function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) {
    const last = state[i - 1]! ^ (state[i - 1]! >>> 30);
    state[i] = Math.imul(last, 1812433253) + i;
  }
  let at = SIZE;
  return () => {
    if (at === SIZE) {
      for (let i = 0; i < SIZE; i++) {
        const mixed = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff);
        state[i] = state[(i + PERIOD) % SIZE]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
      }
      at = 0;
    }
    let y = state[at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

/** The fold of a row by its number, as `RandomState(seed).choice(kfold, n)` deals them; in turn for a seed that is null. */
export function foldDealer(kfold: number, seed: number | null): (row: number) => number {
  if (seed === null) return row => row % kfold;
  const draw = mersenneTwister(seed);
  const most = kfold - 1;
  const mask = 2 ** (32 - Math.clz32(most)) - 1;
  const dealt: number[] = [];
  return row => {
    while (dealt.length <= row) {
      let value = draw() & mask;
      while (value > most) value = draw() & mask;
      dealt.push(value);
    }
    return dealt[row]!;
  };
}
