// A simulated shop with a known truth. Users have a taste; items have a vector, a quality and a price. Clicks depend on all of them and on the
// position. The served ensemble reads the taste alone; a click model can be better.

const [ITEMS, USERS, WIDTH] = [200, 5000, 4];
/** Probability that a user looks at a position. */
const EXAMINED = [1, 0.7, 0.5];
/** Log odds of a click on an item that is looked at. */
const TRUTH = { constant: -1.6, fit: 0.5, quality: 0.8, price: -0.7 };
const TEMPERATURE = 0.7;
export const POSITIONS = EXAMINED.length;

/** Numbers between 0 and 1 (mulberry32): the same for the same seed. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const normal = random => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const vector = random => Float32Array.from({ length: WIDTH }, () => 0.6 * normal(random));
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const sigmoid = x => 1 / (1 + Math.exp(-x));

export function createWorld(seed) {
  const random = randomOf(seed);
  const items = Array.from({ length: ITEMS }, (_, i) => ({
    id: i + 1,
    vector: vector(random),
    facts: Float32Array.of(normal(random), normal(random)),
  }));
  const users = Array.from({ length: USERS }, (_, i) => ({ id: i + 1, taste: vector(random) }));
  const byId = new Map(items.map(item => [item.id, item]));
  /** @param position from 0 */
  const clickChance = (user, item, position) => {
    const odds =
      TRUTH.constant +
      TRUTH.fit * dot(user.taste, item.vector) +
      TRUTH.quality * item.facts[0] +
      TRUTH.price * item.facts[1];
    return EXAMINED[position] * sigmoid(odds);
  };
  return {
    items,
    users,
    /** @returns whether the user clicks on the item at a position from 0 */
    clicks: (user, id, position, draw) => draw() < clickChance(user, byId.get(id), position),
    /**
     * Expected clicks per request of a policy that draws from the 30 nearest items with weights exp(T · score), by simulation of its lists: the
     * clicks themselves are not drawn.
     * @param score (fit, quality, price) → number
     */
    truth(score, lists = 4) {
      const draw = randomOf(seed + 1);
      let sum = 0;
      for (const user of users) {
        const near = items
          .map(item => ({ item, fit: dot(user.taste, item.vector) }))
          .sort((a, b) => b.fit - a.fit)
          .slice(0, 30);
        for (let i = 0; i < lists; i++) {
          const keys = near.map(({ item, fit }) => ({
            item,
            key: TEMPERATURE * score(fit, item.facts[0], item.facts[1]) - Math.log(-Math.log(draw())),
          }));
          keys.sort((a, b) => b.key - a.key);
          for (let position = 0; position < POSITIONS; position++)
            sum += clickChance(user, keys[position].item, position);
        }
      }
      return sum / (users.length * lists);
    },
  };
}
