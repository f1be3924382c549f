/** Vectors that an ONNX graph searches, against a comparison with each of them; batches that take too much memory at once, and clients that leave. */
import fc from "fast-check";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { type ExactIndex, exactIndex, isExact } from "#runtime/stores/vectors/exact-index.js";

const open: ExactIndex[] = [];
afterEach(async () => {
  for (const index of open.splice(0)) await index.close();
});
async function build(vectors: readonly (readonly number[])[], metric: "l2" | "ip", ids: readonly bigint[]) {
  const dimension = vectors[0]!.length;
  const index = await exactIndex({
    ...{ dimension, metric, path: "items.faiss" },
    vectors: Float32Array.from(vectors.flat()),
    ids: BigInt64Array.from(ids),
  });
  open.push(index);
  return index;
}
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const apart = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0);

/** Small whole numbers, whose products and sums float32 holds: distances are exact, however they are computed. */
const number = fc.integer({ min: -9, max: 9 });
const given = fc.integer({ min: 1, max: 4 }).chain(dimension => {
  const vector = fc.array(number, { minLength: dimension, maxLength: dimension });
  return fc.record({
    vectors: fc.array(vector, { minLength: 1, maxLength: 40 }),
    queries: fc.array(vector, { minLength: 1, maxLength: 4 }),
    wanted: fc.nat({ max: 39 }),
    excluded: fc.array(fc.nat({ max: 39 }), { maxLength: 6 }),
  });
});

describe.each(["l2", "ip"] as const)("by %s", metric => {
  test("finds the best, each with its own id and distance", async () => {
    await fc.assert(
      fc.asyncProperty(given, async ({ vectors, queries, wanted, excluded }) => {
        const ids = vectors.map((_, i) => 2n ** 60n + BigInt(3 * i));
        const index = await build(vectors, metric, ids);
        const k = 1 + (wanted % vectors.length);
        const left = excluded.filter(at => at < vectors.length).map(at => ids[at]!);
        const lists = {
          ids: BigInt64Array.from(queries.flatMap(() => left)),
          offsets: Int32Array.from({ length: queries.length + 1 }, (_, row) => row * left.length),
        };
        for (const without of [undefined, lists]) {
          const found = await index.search(Float32Array.from(queries.flat()), queries.length, k, without);
          expect(found.offsets).toHaveLength(queries.length + 1);
          queries.forEach((query, row) => {
            const own = [...found.ids.subarray(found.offsets[row], found.offsets[row + 1])];
            const distances = [...found.distances.subarray(found.offsets[row], found.offsets[row + 1])];
            const distanceOf = (id: bigint): number =>
              (metric === "l2" ? apart : dot)(query, vectors[ids.indexOf(id)]!);
            const all = ids.filter(id => !without || !left.includes(id)).map(distanceOf);
            const best = all.sort((a, b) => (metric === "l2" ? a - b : b - a)).slice(0, k);
            // Which of equals is found is the graph's choice.
            expect(distances.map(x => x + 0)).toEqual(best.map(x => x + 0));
            expect(own.map(distanceOf).map(x => x + 0)).toEqual(distances.map(x => x + 0));
            expect(new Set(own).size).toBe(own.length);
            if (without) expect(own.filter(id => left.includes(id))).toEqual([]);
          });
        }
      }),
      { numRuns: 40 },
    );
  });
});

test("distances that rounding would order otherwise are compared again", async () => {
  // Around 2^12 a square has no digits left for the halves between these.
  const vectors = Array.from({ length: 12 }, (_, i) => [4096 + i / 64]);
  const index = await build(
    vectors,
    "l2",
    vectors.map((_, i) => BigInt(i)),
  );
  const { ids, distances } = await index.search(Float32Array.of(4096), 1, 12);
  expect([...ids].map(Number)).toEqual(vectors.map((_, i) => i));
  expect([...distances]).toEqual(vectors.map((_, i) => (i / 64) ** 2));
});

describe("a batch that takes too much memory at once", () => {
  const COUNT = 2 ** 17;
  const many = () =>
    exactIndex({
      ...{ dimension: 1, metric: "ip", path: "items.faiss" },
      vectors: Float32Array.from({ length: COUNT }, (_, i) => i),
      ids: BigInt64Array.from({ length: COUNT }, (_, i) => BigInt(i)),
    });
  const queries = Float32Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 1 : -1));
  test("is searched in parts, in order", async () => {
    const index = await many();
    open.push(index);
    const { ids } = await index.search(queries, queries.length, 1);
    expect([...ids].map(Number)).toEqual([...queries].map(query => (query > 0 ? COUNT - 1 : 0)));
  });
  test("ends between two parts when its client has left", async () => {
    const index = await many();
    open.push(index);
    const signal = new Cancellable();
    const found = index.search(queries, queries.length, 1, undefined, signal);
    signal.abort();
    await expect(found).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

test("a vector that is near nothing is named, with its id", async () => {
  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    await expect(
      build(
        [
          [1, 2],
          [3, odd],
          [4, 5],
        ],
        "ip",
        [7n, 8n, 9n],
      ),
    ).rejects.toThrow(
      `items.faiss: the vector of id 8 holds ${odd}, and nothing is near it. Build the index without it.`,
    );
});

test.each([
  [{ kind: "flat", ntotal: 1, dimension: 4 }, true],
  [{ kind: "flat", ntotal: 0, dimension: 4 }, false],
  [{ kind: "ivf", ntotal: 1, dimension: 4 }, false],
  [{ kind: "flat", ntotal: 475_000_000, dimension: 1 }, true],
  [{ kind: "flat", ntotal: 475_000_001, dimension: 1 }, false],
])("%j is searched so: %s", (header, expected) => {
  expect(isExact(header as never)).toBe(expected);
});

test("vectors that are far from 0 and near each other are ordered by their distance, which float32 loses in squares", async () => {
  const far = 4096;
  const vectors = Array.from({ length: 12 }, (_, i) => [far + (11 - i) / 1024, far]);
  const index = await build(
    vectors,
    "l2",
    vectors.map((_, i) => BigInt(i)),
  );
  const found = await index.search(Float32Array.of(far, far), 1, 5);
  expect([...found.ids]).toEqual([11n, 10n, 9n, 8n, 7n]);
  expect([...found.distances]).toEqual([0, 1, 2, 3, 4].map(n => Math.fround((n / 1024) ** 2)));
});

test("the nearest of many is found by its distance, and not by its product with the query", async () => {
  const vectors = Array.from({ length: 80 }, (_, i) => [i + 1, 0]);
  const index = await build(
    vectors,
    "l2",
    vectors.map((_, i) => BigInt(i)),
  );
  const found = await index.search(Float32Array.of(1, 0, 80, 0), 2, 2);
  expect([...found.ids]).toEqual([0n, 1n, 79n, 78n]);
});

test("an index turns the telemetry of ONNX Runtime off", async () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("ORT_DISABLE_TELEMETRY", undefined);
  await build([[1]], "ip", [1n]);
  expect(process.env.ORT_DISABLE_TELEMETRY).toBe("1");
});
