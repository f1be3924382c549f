// Look-ups a second of CPU time of the index that categorify serves with, on one core, batches of 1,000: int64 and string keys.
import { indexValues } from "#runtime/base/columns/value-index.js";

const VOCABULARY = 200_000;
const BATCH = 1000;

export function lookUps() {
  const numbers = BigInt64Array.from({ length: VOCABULARY }, (_, i) => BigInt(i) * 7919n);
  const texts = Array.from({ length: VOCABULARY }, (_, i) => `item_${i * 7919}`);
  const order = Array.from({ length: BATCH * 200 }, (_, i) => (i * 48_271) % VOCABULARY);
  const batches = take => Array.from({ length: 200 }, (_, b) => take(order.slice(b * BATCH, (b + 1) * BATCH)));
  const measured = (name, index, asked) => {
    for (const batch of asked) index(batch);
    let most = 0;
    for (let round = 0; round < 5; round++) {
      const started = process.cpuUsage();
      for (const batch of asked) index(batch);
      const { user, system } = process.cpuUsage(started);
      most = Math.max(most, (asked.length * BATCH) / (user + system));
    }
    return { keys: name, vocabulary: VOCABULARY, "M look-ups/s on one core": Number(most.toFixed(1)) };
  };
  const asTexts = () => batches(places => places.map(i => Buffer.from(texts[i]).toString()));
  /** Strings of a request are new objects, whose hashes are not known yet: each batch is looked up once. */
  const fresh = (index, make) => {
    let most = 0;
    for (let round = 0; round < 5; round++) {
      const asked = make();
      const started = process.cpuUsage();
      for (const batch of asked) index(batch);
      const { user, system } = process.cpuUsage(started);
      most = Math.max(most, (asked.length * BATCH) / (user + system));
    }
    return {
      keys: "string, as a request brings them",
      vocabulary: VOCABULARY,
      "M look-ups/s on one core": Number(most.toFixed(1)),
    };
  };
  console.log("\ncategorify's index, best of 5 rounds");
  console.table([
    measured(
      "int64, close together",
      indexValues(BigInt64Array.from(numbers, (_, i) => BigInt(VOCABULARY - i))),
      batches(places => BigInt64Array.from(places, i => BigInt(VOCABULARY - i))),
    ),
    measured(
      "int64",
      indexValues(numbers),
      batches(places => BigInt64Array.from(places, i => numbers[i])),
    ),
    measured("string, hashes known", indexValues(texts), asTexts()),
    fresh(indexValues(texts), asTexts),
  ]);
}
